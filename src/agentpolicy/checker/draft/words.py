"""What words in the names of tools and parameters say: knowledge, kept as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

#: What a tool is for, by the harm that a wrong call of it does.
Kind: TypeAlias = Literal[
    "look", "make", "act", "lose", "pay", "settings", "run", "file", "web", "sql", "unknown"
]  # fmt: skip


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


# --- verbs -----------------------------------------------------------------------------

_SURE: Final[Mapping[Kind, str]] = {
    "look": "get list read search find show fetch view check count lookup query describe browse inspect retrieve "
    "scan summarize summarise compare validate calculate compute convert translate estimate suggest recommend analyze "
    "analyse peek monitor rank classify detect measure forecast predict ls cat grep glob tree head stat diff download "
    "scrape crawl navigate visit goto whoami preview enumerate filter locate identify track is has",
    "make": "create add new write append insert save generate make copy duplicate clone import record init setup "
    "remember note compose draft mkdir touch fork",
    "act": "send forward publish broadcast notify submit upload invite tweet announce deliver dispatch push trigger",
    "lose": "delete remove cancel drop overwrite modify edit update destroy erase wipe purge clear truncate reset "
    "revert rollback undo archive unarchive trash discard terminate kill stop shutdown reboot restart disable "
    "deactivate rename reschedule unsubscribe unfollow detach uninstall rm mv rmdir chmod chown unlink dismiss void "
    "abort evict switch toggle snooze unshare ban mute decline adjust",
    "pay": "pay wire remit donate purchase buy withdraw deposit refund reimburse payout sell invest topup",
    "settings": "grant revoke authorize authorise permit promote demote impersonate rotate login logout signin signup "
    "signout authenticate elevate enroll",
    "run": "run execute exec eval evaluate deploy install launch invoke spawn",
}
#: Words that are as often nouns: ``post`` in ``get_post`` and in ``post_comment``.
_MAYBE: Final[Mapping[Kind, str]] = {
    "look": "open load",
    "make": "log plan store schedule start",
    "act": "post reply share book reserve message mail email text call comment request respond answer rsvp ask "
    "delegate accept join follow like react vote transfer connect contact report subscribe assign sms dm checkin print",
    "lose": "close move set mark replace merge change patch put complete resolve finish block leave lock unlock "
    "release return swap apply transition star pin unpin label tag flag hide",
    "pay": "order charge tip bid trade checkout",
}

#: Each verb with its kind and whether it is never a noun.
VERBS: Final[Mapping[str, tuple[Kind, bool]]] = {
    **{word: (kind, False) for kind, text in _MAYBE.items() for word in text.split()},
    **{word: (kind, True) for kind, text in _SURE.items() for word in text.split()},
}
#: Kinds from lax to strict: of two verbs in one name the stricter counts.
STRICTNESS: Final[tuple[Kind, ...]] = ("look", "make", "act", "lose", "pay", "settings", "run")
#: Names without a verb that say what they show.
SHOWN_NOUNS: Final = _set(
    "status info information weather balance time date history details overview summary statistics stats today now "
    "timezone reviews ratings prices news forecast availability"
)
#: What is opened or loaded only to look at it.
OPENED: Final = _set(
    "message messages mail email file document doc page note thread conversation attachment folder url link site"
)
#: Those of the doubtful verbs that are nouns where they come first and a real verb follows: ``order_cancel``.
NOUNS: Final = _set(
    "post book message mail email text call comment request answer share schedule log plan contact report transfer "
    "charge order tip bid trade change block release return vote sms dm patch"
)
JOINING: Final = _set("and or then")
SEARCHES: Final = _set("search find count filter lookup locate grep glob")
#: What looks somewhere that its arguments name.
FETCHING: Final = _set("fetch download scrape crawl navigate visit goto browse")
REMOVALS: Final = _set("delete remove erase wipe purge destroy trash rm rmdir unlink discard drop")
#: What only ends something, whoever it went to.
ENDINGS: Final = REMOVALS | _set("cancel archive void")
WRITING: Final = _set("write append save mkdir touch edit overwrite chmod chown")
MOVES: Final = _set("move rename mv")
COPIES: Final = _set("copy duplicate clone cp")
CHOOSERS: Final = _set("book reserve order contact call hire rent")

# --- nouns of tools --------------------------------------------------------------------

SECRETS: Final = _set("password passwords passwd passphrase secret secrets credential credentials token tokens otp")
SETTINGS: Final = SECRETS | _set(
    "permission permissions role roles profile settings setting preference preferences config configuration mfa acl "
    "privilege privileges visibility access admin policy policies"
)
#: What is made for others to see.
SEEN_BY_OTHERS: Final = _set("comment comments reply review reaction post posts tweet message invitation webhook")
DRAFTS: Final = _set("draft compose save record copy")
#: What is set or started and stays here.
STAYS: Final = _set("reminder alarm timer stopwatch note")
#: What is kept and read again later, by the agent itself.
MEMORY: Final = _set("memory memories remember fact facts knowledge")
#: Words for files in the names of tools.
FILES: Final = _set("file files directory directories dir folder disk path paths fs filesystem")
#: Settings where ``user`` stands beside them.
PERSONAL: Final = _set("info information details")
#: In front of ``key``: what it opens.
KEYS_OF: Final = _set("api ssh access private public signing encryption secret gpg pgp deploy license")
MONEY: Final = _set(
    "payment payments money funds fund transaction transactions salary invoice invoices bank iban cash payout wire "
    "remittance"
)
AMOUNTS: Final = _set("amount price total sum fee quantity")
#: The user's own, settled data, which strangers seldom write.
OWN: Final = _set("contacts addressbook me my myself profile whoami balance today now timezone clock iban")
OWN_PAIRS: Final = frozenset({("address", "book"), ("current", "time"), ("current", "date"), ("current", "day")})

SHELLS: Final = _set("bash shell sh zsh terminal command commands cmd exec execute run console")
INTERPRETERS: Final = _set(
    "run execute exec eval evaluate execution interpret interpreter python ipython javascript js typescript node ruby "
    "perl lua powershell repl notebook cell sandbox script"
)
DATABASES: Final = _set(
    "sql database databases db postgres postgresql mysql sqlite mariadb bigquery snowflake redshift duckdb warehouse "
    "clickhouse oracle mssql"
)
WEBBY: Final = _set(
    "fetch browse browser http https request url urls web webpage webpages page pages website websites site scrape "
    "crawl curl download navigate visit goto link links webhook html"
)
#: Actions that change nothing.
READING: Final = _set("fs.read net.get net.head net.options sql.select")
WEB_METHODS: Final = _set("get head post put patch delete options")
#: In front of a path, or beside it: the path is one of a service, not of this machine.
ELSEWHERE: Final = _set(
    "owner repo repository bucket drive branch ref gist wiki cloud s3 gcs dropbox gdrive sharepoint onedrive box "
    "github gitlab bitbucket"
)

# --- parameters ------------------------------------------------------------------------

#: Behind the word that counts: ``hotel`` in ``hotel_name``.
TAILS: Final = _set(
    "name names id ids uid uuid address addresses number numbers no handle handles slug list key identifier username"
)
IDS: Final = _set("id ids uid uuid identifier key number reference ref slug index")
#: In front of a parameter: it is where something comes from.
ORIGINS: Final = _set("from sender source my own old current previous")
TIMES: Final = _set("date time day days hour hours month week year until start end duration")

#: Who or where something goes to, whatever the tool is called.
STRONG: Final = _set(
    "recipient recipients to cc bcc email emails mail participant participants attendee attendees invitee invitees "
    "guest guests member members user users username usernames person people contact contacts friend friends channel "
    "channels chat chats conversation conversations group groups url urls uri webhook endpoint host domain iban bic "
    "swift account accounts payee beneficiary beneficiaries wallet phone phones telephone mobile destination assignee "
    "assignees reviewer reviewers repo repository owner org organization organisation audience subreddit receiver "
    "receivers addressee team teams address addresses"
)
#: The same for tools that act.
WEAK: Final = _set(
    "hotel hotels restaurant company airline vendor merchant store shop provider seller supplier business property "
    "listing flight venue car project space board bucket remote customer client tenant party thread forum topic page "
    "site queue agent driver doctor practice clinic link target server"
)
MAIL: Final = _set("email emails mail message messages address")
CONTENTS: Final = _set(
    "body content contents message messages text subject title description note notes comment comments caption summary "
    "html markdown payload data memo reason details template location agenda post reply answer question msg txt "
    "headline instructions value greeting"
)
#: Phrases of a description that say that the parameter is an address.
ADDRESSED: Final = ("recipient", "email address", "e-mail address", "iban", "account number", "phone number")

SHELL_TEXT: Final = _set("command cmd commandline bash")
CODE_TEXT: Final = _set("code script source program snippet expression")
SQL_TEXT: Final = _set("sql statement query")
URL_TEXT: Final = _set("url urls uri uris href webpage website")
#: The same where their description speaks of a URL.
LINKS: Final = _set("link links page site source resource target location address")
PATHS: Final = _set("path paths filepath filepaths directory directories dir dirname pathname")
FILE_NAMES: Final = _set("filename filenames file files")
#: Parameters by which a service names its own files.
FILE_IDS: Final = _set("file document doc folder")
MOVED_TO: Final = _set("destination dest to new target output")
MOVED_FROM: Final = _set("source src from old")
DIRECTORIES: Final = _set("cwd workdir directory dir")
ATTACHED: Final = _set("attachment attachments")
