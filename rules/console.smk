# What the console shows with `quiet: host` (profiles/default): a line for each job that starts, what jobs print, and errors.
# The log in .snakemake/log has everything, and so has the console with --verbose, in a dry run, or without the profile.
import logging
import time
from collections import Counter

from snakemake.logging import logger
from snakemake.settings.enums import Quietness

UNSHOWN = {"job_started", "job_finished", "progress", "resources_info"}


class OneLine(logging.Formatter):
    """Shows a job's start as the time and its rule's message, and the table of jobs as one line; the rest as before."""

    def __init__(self, before):
        super().__init__()
        self.before = before

    def format(self, record):
        kind, message, stats = event_of(record), getattr(record, "rule_msg", None), getattr(record, "stats", None)
        if kind == "job_info" and message:
            run = run_of(getattr(record, "rule_name", None))
            return f"{time.strftime('%H:%M:%S')} {f'{run}: ' if run else ''}{message}"
        if kind == "run_info" and stats:
            counts = Counter()
            for rule, n in stats.items():
                counts[stage_of(rule)] += n
            total = counts.pop("total")
            return f"{total} jobs: {', '.join(f'{n} {stage}' for stage, n in counts.items())}"
        return self.before.format(record)


def run_of(rule):
    """The run of a grid that a rule is of; None for other rules."""
    return max((run for run in resolved.runs if str(rule).startswith(run_prefix(run))), key=len, default=None)


def stage_of(rule):
    """A rule's name without that of its run."""
    run = run_of(rule)
    return rule.removeprefix(run_prefix(run)) if run else rule


def event_of(record):
    """The kind of one of Snakemake's messages."""
    event = getattr(record, "event", None)
    return str(getattr(event, "value", event))


def is_shown(record):
    """Whether a person wants to see the message."""
    if record.levelno > logging.INFO:
        return True
    if event_of(record) == "job_info" and getattr(record, "rule_name", None) == "all":
        return False  # the results follow
    return event_of(record) not in UNSHOWN and not str(record.msg).startswith("Select jobs to execute")


shown = workflow.output_settings
if Quietness.HOST in (shown.quiet or ()) and not (shown.verbose or shown.dryrun):
    for handler in logger.handlers:
        if handler.name == "DefaultStreamHandler" and not isinstance(handler.formatter, OneLine):
            handler.addFilter(is_shown)
            handler.setFormatter(OneLine(handler.formatter))
