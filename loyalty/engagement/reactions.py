"""What engagement does when something happens."""

from loyalty.engagement import outlet_days
from loyalty.events.log import Reaction

REACTIONS: dict[str, Reaction] = {"checkin.made": outlet_days.count_checkins}
