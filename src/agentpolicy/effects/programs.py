"""What is known of well-known programs: data that anyone can extend by a line."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# --- options that take their value from the next word ---------------------------

#: For each program, the options in front of a subcommand whose value is the next word: in ``git -C dir push``
#: the subcommand is ``push``.
VALUE_OPTIONS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        program: _words(options)
        for program, options in {
            "aws": (
                "--ca-bundle --cli-connect-timeout --cli-read-timeout --color --endpoint-url --output --profile"
                " --query --region"
            ),
            "az": "--output -o --query --subscription",
            "bun": "--config -c --cwd --env-file --preload -r",
            "cargo": "--color --config --explain -C -Z",
            "deno": "--config -c --log-level -L",
            "docker": "--config --context -c --host -H --log-level -l --tlscacert --tlscert --tlskey",
            "docker-compose": (
                "--ansi --env-file --file -f --parallel --profile --progress --project-directory --project-name -p"
            ),
            "gcloud": (
                "--account --billing-project --configuration --flags-file --format --impersonate-service-account"
                " --project --verbosity"
            ),
            "gh": "--hostname --repo -R",
            "git": "-C -c --attr-source --config-env --git-dir --list-cmds --namespace --super-prefix --work-tree",
            "go": "-C",
            "helm": (
                "--kube-apiserver --kube-as-group --kube-as-user --kube-ca-file --kube-context --kube-token"
                " --kubeconfig --namespace -n --registry-config --repository-cache --repository-config"
            ),
            "kubectl": (
                "--as --as-group --as-uid --cache-dir --certificate-authority --client-certificate --client-key"
                " --cluster --context --kubeconfig --namespace -n --password --profile --profile-output"
                " --request-timeout --server -s --tls-server-name --token --user --username --v -v --vmodule"
            ),
            "make": (
                "-C --directory -f --file --makefile -I --include-dir -j --jobs -l --load-average -o --old-file"
                " --assume-old -W --what-if --new-file --assume-new"
            ),
            "node": (
                "-C --conditions -r --require --import --loader --experimental-loader --env-file --input-type"
                " --stack-trace-limit"
            ),
            "npm": "--prefix -C --workspace -w --registry --userconfig --globalconfig --cache --loglevel",
            "perl": "-I",
            "php": "-c -d -z",
            "pip": (
                "--cache-dir --cert --client-cert --exists-action --keyring-provider --log --proxy --python"
                " --retries --timeout --trusted-host --use-deprecated --use-feature"
            ),
            "pnpm": "--dir -C --filter -F --loglevel --reporter",
            "podman": (
                "--cgroup-manager --conmon --connection -c --events-backend --hooks-dir --identity --imagestore"
                " --log-level --module --namespace --network-cmd-path --network-config-dir --out --root --runroot"
                " --runtime --runtime-flag --ssh --storage-driver --storage-opt --tmpdir --url --volumepath"
            ),
            "poetry": "--directory -C --project -P",
            "python": "-W -X --check-hash-based-pycs",
            "ruby": "-C -E -I -r --encoding --external-encoding --internal-encoding",
            "systemctl": (
                "--host -H --image --job-mode --kill-value --kill-whom --lines -n --machine -M --output -o"
                " --property -p --root --signal -s --state --type -t --what --when"
            ),
            "terraform": "",
            "uv": "--allow-insecure-host --cache-dir --color --config-file --directory --project",
            "yarn": (
                "--cwd --cache-folder --global-folder --link-folder --modules-folder --mutex --registry --use-yarnrc"
            ),
        }.items()
    }
)

# --- programs that start others -------------------------------------------------

#: Programs that run a command under more rights than the caller has.
ELEVATING: Final = _words("sudo sudoedit doas dzdo gsudo pkexec please run0 runas su")

_STARTS = "starts another command, which is not read yet"
_CODE = "runs code given to it as text, which is not read yet"

#: Programs that always start something else, and what a person is told of it.
ALWAYS: Final[Mapping[str, str]] = MappingProxyType(
    {
        **dict.fromkeys(ELEVATING, "starts another command with more rights, which is not read yet"),
        **dict.fromkeys(
            _words(
                "env timeout gtimeout nice ionice renice nohup setsid stdbuf unbuffer chrt taskset numactl"
                " prlimit cgexec systemd-run systemd-inhibit dbus-run-session xargs gxargs parallel watch entr"
                " inotifywait watchexec nodemon strace ltrace gdb lldb valgrind perf script expect rlwrap socat"
                " screen tmux dtach at batch crontab chroot unshare nsenter setpriv setarch linux32 linux64 capsh"
                " bwrap firejail proot fakeroot faketime start-stop-daemon daemonize runuser setuidgid softlimit"
                " flock caffeinate busybox toybox npx bunx pnpx uvx pipx direnv dotenv chpst catchsegv ld.so time"
                " gtime hyperfine doppler open xdg-open start osascript"
            ),
            _STARTS,
        ),
        **dict.fromkeys(
            _words("ssh mosh rsh dbclient sshpass autossh ansible"),
            "runs commands on another machine, which are not read yet",
        ),
        **dict.fromkeys(
            _words(
                "sh bash zsh dash ksh mksh pdksh oksh ash fish rbash csh tcsh yash nu xonsh elvish pwsh powershell cmd"
            ),
            "runs shell text that is not read yet",
        ),
        **dict.fromkeys(_words("awk gawk mawk nawk original-awk"), _CODE),
        **dict.fromkeys(_words("eval source . exec command builtin coproc noglob nocorrect -"), _STARTS),
        **dict.fromkeys(
            _words(
                "trap alias unalias hash set unset shopt enable bind complete compopt fc autoload zmodload"
                " emulate sched"
            ),
            "changes what later commands mean",
        ),
        **dict.fromkeys(_words("vi vim nvim view ex ed emacs"), "can run commands from inside"),
    }
)

#: For each program, subcommands (one word or two) that start something else.
STARTING: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        program: frozenset(one.strip() for one in commands.split(","))
        for program, commands in {
            "bun": "x, exec, repl",
            "bundle": "exec",
            "conda": "run",
            "corepack": "npm, npx, pnpm, pnpx, yarn, yarnpkg",
            "deno": "eval, repl",
            "docker": "exec, run, container exec, container run, compose exec, compose run, sandbox run",
            "docker-compose": "exec, run",
            "gh": "alias, extension exec, codespace ssh, cs ssh",
            "git": "bisect run, submodule foreach, filter-branch, for-each-repo, rebase -x, difftool -x, grep -O",
            "hatch": "run, shell",
            "kubectl": "exec, run, debug",
            "mamba": "run",
            "micromamba": "run",
            "nix": "run, shell, develop",
            "npm": "exec, x, explore",
            "oc": "exec, run, rsh, debug",
            "pdm": "run",
            "pipenv": "run, shell",
            "pixi": "run, exec, shell",
            "pnpm": "exec, dlx, x",
            "podman": "exec, run, container exec, container run, unshare, compose exec, compose run",
            "poetry": "run, shell",
            "pyenv": "exec",
            "rbenv": "exec",
            "rustup": "run",
            "rye": "run",
            "uv": "run, x, tool run",
            "vagrant": "ssh",
            "yarn": "exec, dlx",
        }.items()
    }
)

#: For each program, options in any place that start something else or act on what is found.
OPENING: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        program: _words(options)
        for program, options in {
            "fd": "-x --exec -X --exec-batch",
            "fdfind": "-x --exec -X --exec-batch",
            "find": "-exec -execdir -ok -okdir -delete -fls -fprint -fprint0 -fprintf",
            "gfind": "-exec -execdir -ok -okdir -delete -fls -fprint -fprint0 -fprintf",
            "git": "--exec --upload-pack --receive-pack --extcmd --open-files-in-pager --ext-diff --tool-help",
            "make": "--eval",
            "rg": "--pre --hostname-bin",
            "rsync": "-e --rsh --rsync-path",
            "scp": "-o -S -F",
            "sftp": "-o -S -F -b -D",
            "sort": "--compress-program",
            "tar": (
                "-I -F --use-compress-program --to-command --checkpoint-action --info-script --new-volume-script"
                " --rsh-command --rmt-command"
            ),
            "gtar": (
                "-I -F --use-compress-program --to-command --checkpoint-action --info-script --new-volume-script"
                " --rsh-command --rmt-command"
            ),
            "bsdtar": "--use-compress-program",
            "zip": "-TT --unzip-command",
            "curl": "-K --config",
            "wget": "--use-askpass -e --execute --config",
        }.items()
    }
)

#: For each program, options in front of its first operand that carry code or change what it runs. A one-letter option
#: also counts inside a joined word (``python -Ic``).
LEADING: Final[Mapping[str, tuple[str, frozenset[str]]]] = MappingProxyType(
    {
        "git": ("can make git run any command", _words("-c --exec-path --config-env")),
        "hg": ("can make hg run any command", _words("--config")),
        "python": (_CODE, _words("-c")),
        "pypy": (_CODE, _words("-c")),
        "jython": (_CODE, _words("-c")),
        "perl": (_CODE, _words("-e -E -M -m -d")),
        "ruby": (_CODE, _words("-e -r")),
        "node": (_CODE, _words("-e -p --eval --print -r --require --import --loader --experimental-loader")),
        "nodejs": (_CODE, _words("-e -p --eval --print -r --require --import --loader --experimental-loader")),
        "bun": (_CODE, _words("-e -p --eval --print -r --preload")),
        "php": (_CODE, _words("-r -B -R -E --run --process-begin --process-code --process-end -d")),
        "lua": (_CODE, _words("-e -l")),
        "luajit": (_CODE, _words("-e -l")),
        "tclsh": (_CODE, _words("-c")),
        "osascript": (_CODE, _words("-e")),
        "julia": (_CODE, _words("-e -E -L --eval --print --load")),
        "rscript": (_CODE, _words("-e")),
        "r": (_CODE, _words("-e")),
        "groovy": (_CODE, _words("-e")),
        "scala": (_CODE, _words("-e")),
        "ghc": (_CODE, _words("-e")),
        "elixir": (_CODE, _words("-e --eval")),
        "erl": (_CODE, _words("-eval -s -run")),
        "sqlite3": (_CODE, _words("-cmd -init")),
        "psql": (_CODE, _words("-c --command")),
        "mysql": (_CODE, _words("-e --execute")),
    }
)

#: Programs of which ``VALUE_OPTIONS`` and ``LEADING`` hold every option that takes a value, so that others take none.
_COMPLETE: Final = _words("perl python ruby")

#: Words that the shell itself reads where a command stands (POSIX 2.4, bash, zsh).
RESERVED: Final = _words(
    "! { } [[ ]] case do done elif else end esac fi for foreach function if in repeat select then time until while"
)


def base_name(program: str) -> str:
    """The name under which a program is known: no directory, lower case, no ``.exe``."""
    return program.rpartition("/")[2].lower().removesuffix(".exe")


def known_as(program: str) -> tuple[str, ...]:
    """Every name under which to look a program up: as it is, and without a version (``python3.11``)."""
    name = base_name(program)
    bare = name.rstrip("0123456789.-")
    return (name, bare) if bare and bare != name else (name,)


def opens(argv: tuple[str, ...]) -> str | None:
    """Why a command hides another one from sight, None where nothing is known that it starts.

    The answer is a sentence for a person: ```sudo` starts another command with more rights, which is not read yet``.
    """
    for name in known_as(argv[0]):
        why = ALWAYS.get(name)
        if why is not None:
            return f"`{argv[0]}` {why}"
        anywhere = OPENING.get(name)
        if anywhere is not None:
            for word in argv[1:]:
                option = _option_of(word, anywhere)
                if option is not None:
                    return (
                        f"`{argv[0]} {option}` makes it act on what it finds or start a command, which is not read yet"
                    )
        leading = LEADING.get(name)
        starting = STARTING.get(name)
        if leading is not None or starting is not None:
            why = _in_front(name, argv, leading, starting)
            if why is not None:
                return why
    return None


def _in_front(
    name: str, argv: tuple[str, ...], leading: tuple[str, frozenset[str]] | None, starting: frozenset[str] | None
) -> str | None:
    """Look at the options in front of the first operand, then at the subcommand."""
    values = VALUE_OPTIONS.get(name, frozenset())
    unsure = False  # the word before was an option of which nobody knows whether it takes this one
    index = 1
    while index < len(argv):
        word = argv[index]
        index += 1
        if word[:1] == "-" and len(word) > 1:
            if leading is not None:
                option = _option_of(word, leading[1])
                if option is not None:
                    return f"`{argv[0]} {option}` {leading[0]}"
            unsure = word not in values and "=" not in word and word != "--" and name not in _COMPLETE
            if word in values:
                index += 1
            continue
        if starting is not None:
            for words in starting:
                first, _, second = words.partition(" ")
                if word == first and (not second or second in argv[index:]):
                    return f"`{argv[0]} {words}` starts another command, which is not read yet"
        if not unsure:
            return None
        unsure = False
    return None


def _option_of(word: str, options: frozenset[str]) -> str | None:
    """The option among ``options`` that a word spells: whole, with ``=value``, joined or shortened."""
    if word[:1] != "-" or len(word) < 2:
        return None
    head = word.partition("=")[0]
    if head in options:
        return head
    if word[:2] == "--":
        # GNU getopt_long takes any unambiguous beginning of a long option.
        return next((one for one in sorted(options) if len(head) > 4 and one.startswith(head)), None)
    return next((one for one in sorted(options) if len(one) == 2 and one[1] in head[1:]), None)
