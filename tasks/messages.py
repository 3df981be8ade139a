"""Sending subscribe messages, and keeping the inbox."""

from datetime import datetime
from typing import Any, cast

from celery import Task

from app import logs, metrics
from app.resources import Resources
from loyalty import clock
from loyalty.notices import inbox, messages, rules
from loyalty.notices.messages import Ending, Sendable
from loyalty.notices.rules import Template
from tasks import runtime
from tasks.celery import celery
from wechat.client import AsyncWeChatClient
from wechat.errors import GrantMissing, Misconfigured, Refused, Unavailable, Unreachable, Unsendable
from wechat.messages import State, send_subscribe_message

BATCHES_MAX = 20
EXPIRING_BATCHES_MAX = 2_000
FORGET_BATCHES_MAX = 200
LOG = logs.get("messages")


@celery.task(name="tasks.send_messages", bind=True)
def send_messages(self: Task[..., Any]) -> int | None:
    """Send the subscribe messages that are due, at most a thousand a run."""

    async def body(resources: Resources) -> int:
        sent = 0
        for _ in range(BATCHES_MAX):
            batch = await send_batch(resources, clock.now())
            sent += batch
            if batch < messages.CLAIMED_MAX:
                break
        return sent

    return runtime.run_often(self, body)


async def send_batch(resources: Resources, at: datetime) -> int:
    """Send one batch; return how many messages were claimed. A template that WeChat finds faulty rests for an hour."""
    templates = cast(dict[Template, str], resources.settings.message_templates)
    state: State = "developer" if resources.settings.demo else "formal"
    faulty: set[Template] = set()
    claimed = await messages.claim(templates, at)
    for one in claimed:
        ending: Ending = "template_faulty"
        if one.template not in faulty:
            ending = await _sent(resources.wechat, one, state)
        if ending == "template_faulty":
            faulty.add(one.template)
        await messages.settle(one, ending, at)
        metrics.MESSAGES.labels(one.template, ending).inc()
    return len(claimed)


async def _sent(wechat: AsyncWeChatClient, one: Sendable, state: State) -> Ending:
    """Send one message and tell how that ended. What may have gone out is not tried again."""
    ending: Ending = "sent"
    try:
        await send_subscribe_message(wechat, one.openid, one.template_id, one.fields, one.page, state)
    except GrantMissing:
        ending = "no_grant"
    except Refused:
        ending = "refused"
    except (Misconfigured, Unsendable) as fault:
        LOG.warning("template_faulty", template=one.template, fault=type(fault).__name__)
        ending = "template_faulty"
    except Unreachable:
        ending = "unsure"
    except Unavailable:
        ending = "later"
    return ending


@celery.task(name="tasks.tell_expiring", bind=True)
def tell_expiring(self: Task[..., Any]) -> int:
    """Tell outlets whose points end in 30 and in 7 days, a batch a transaction."""

    async def body(_resources: Resources) -> int:
        batches, at = 0, clock.now()
        for days in rules.EXPIRING_DAYS:
            after = 0
            while batches < EXPIRING_BATCHES_MAX:
                after = await inbox.tell_expiring(at, days, after)
                batches += 1
                if not after:
                    break
        return batches

    return runtime.run(self, body)


@celery.task(name="tasks.forget_notices", bind=True)
def forget_notices(self: Task[..., Any]) -> int:
    """Delete old lines of inboxes, messages and pushes, a batch a transaction."""

    async def body(_resources: Resources) -> int:
        forgotten = 0
        for _ in range(FORGET_BATCHES_MAX):
            batch = await inbox.forget(clock.now())
            forgotten += batch
            if not batch:
                break
        return forgotten

    return runtime.run(self, body)
