"""What is too common to say where a value came from. One word a place; a word here is never traced by itself."""

from __future__ import annotations

from typing import Final

#: Words that hold sentences together.
FUNCTION: Final = frozenset(
    """a about above across after again against all also although always am an and another any are around as at away
    back be because been before being below between both but by can cannot could did do does doing done down during
    each either else even ever every few for from further get gets getting go goes going got had has have having he
    hello her here hers herself hey hi him himself his how however i if in into is it its itself just let ll m many may
    maybe me might mine more most much must my myself near need neither no nor not now of off often ok okay on once
    only or other our ours ourselves out over own per please quite rather re regarding same shall she should since so
    some soon still such t than thank thanks that the their theirs them themselves then there these they this those
    though through to too toward towards under until up upon us ve very via was we were what when where whether which
    while who whom whose why will with within without would yes yet you your yours yourself yourselves d s""".split()
)
#: Words of the calendar and the clock.
CALENDAR: Final = frozenset(
    """today tomorrow yesterday tonight now day days week weeks weekend weekly month months monthly year years yearly
    daily annual hour hours minute minutes morning noon afternoon evening night midnight next last this previous am pm
    monday tuesday wednesday thursday friday saturday sunday mon tue tues wed thu thur thurs fri sat sun january
    february march april may june july august september october november december jan feb mar apr jun jul aug sep sept
    oct nov dec date time utc gmt""".split()
)
#: Folders, parts and settings that tools name, and answers.
TOOL: Final = frozenset(
    """inbox outbox sent draft drafts trash spam junk archive archived starred unread folder folders mailbox email
    emails mail mails message messages subject body title name names description content text note notes file files
    document documents list lists item items event events calendar meeting meetings appointment call calls reminder
    task tasks todo report summary update updates info information details data page pages result results query search
    link links url address contact contacts phone number id ids re fw fwd true false yes no none null nil undefined na
    n default auto asc desc ascending descending high medium low normal new old first second third http https www
    com html json csv pdf txt docx xlsx pptx doc xls md png jpg""".split()
)
EVERYDAY: Final = FUNCTION | CALENDAR
COMMON: Final = EVERYDAY | TOOL

#: Hosts at which everybody has an address: such a host alone tells nothing about the address.
SHARED_HOSTS: Final = frozenset(
    """gmail.com googlemail.com outlook.com hotmail.com live.com msn.com yahoo.com ymail.com aol.com icloud.com me.com
    mac.com proton.me protonmail.com gmx.com gmx.net gmx.de web.de mail.com mail.ru yandex.com yandex.ru qq.com 163.com
    zoho.com fastmail.com""".split()
)


def too_common(word: str) -> bool:
    """Whether one folded word says nothing about where it came from: a listed one, or a single letter."""
    return word in COMMON or (len(word) == 1 and word.isascii() and not word.isdigit())
