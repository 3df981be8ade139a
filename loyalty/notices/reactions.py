"""What notices do when something happens."""

from loyalty.events.log import Reaction
from loyalty.notices import inbox

REACTIONS: dict[str, Reaction] = {
    "order.confirmed": inbox.tell,
    "order.shorted": inbox.tell,
    "order.shipped": inbox.tell,
    "order.delivered": inbox.tell,
    "order.returned": inbox.tell,
    "order.completed": inbox.tell,
    "order.cancelled": inbox.tell,
    "order.rejected": inbox.tell,
}
