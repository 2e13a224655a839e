#!/bin/sh
# What action.yml starts: finds the runner for this machine and becomes it.
#
# The runner is a file of the release that this very ref belongs to: its SHA-256 stands beside this script, so whoever
# pins the action by commit has pinned the program. It comes from the tool cache or from GitHub's own hosts, is copied
# into a fresh folder that is this user's alone, hashed there and started from there; what does not match never starts.
# A ref without a release (a branch) is built with cargo instead.
#
# POSIX sh, as a job's container may have nothing else. Everything that ends the script early ends in `fail` or `stop`.
set -eu
# Words of the inputs are split at spaces and are no patterns for files.
set -f
umask 077

here=$(cd "$(dirname "$0")/.." && pwd -P)
sums=$here/action/SHA256SUMS
private=
child=

# What later steps read, where the runner itself cannot say it. Both values are ours.
outputs() {
    if [ -n "${GITHUB_OUTPUT:-}" ]; then
        printf 'verdict=%s\nexit-code=%s\nchanged=false\n' "$1" "$2" >>"$GITHUB_OUTPUT" || :
    fi
}

# An annotation of the job: one line, in which `%` is the only character that would mean something.
# https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
fail() {
    outputs failed "${2:-1}"
    text=$(printf '%s' "$1" | tr '\r\n' '  ' | sed 's/%/%25/g')
    printf '::error title=finance-infra-action::%s\n' "$text" >&2
    exit "${2:-1}"
}

clean() {
    if [ -n "$private" ]; then rm -rf "$private"; fi
}

stop() {
    if [ -n "$child" ]; then kill "$child" 2>/dev/null || :; fi
    outputs failed 130
    echo "cancelled before the runner started; nothing was done" >&2
    exit 130
}

# A shell hears a signal only when its child has ended, unless it waits for one in the background.
quietly_wait() {
    code=0
    wait "$child" || code=$?
    child=
    return "$code"
}

sha256_of() {
    if command -v sha256sum >/dev/null 2>&1; then
        sum=$(sha256sum <"$1")
    elif command -v shasum >/dev/null 2>&1; then
        sum=$(shasum -a 256 <"$1")
    elif command -v openssl >/dev/null 2>&1; then
        sum=$(openssl dgst -sha256 -r <"$1")
    else
        fail "the runner cannot be verified: sha256sum, shasum and openssl are all missing on this machine"
    fi
    printf '%s\n' "${sum%% *}"
}

# `https://host:port/…` → `host:port`; fails where the address could be read in two ways.
host_of() {
    rest=${1#*://}
    rest=${rest%%/*}
    case $rest in
    '' | *[!A-Za-z0-9.:-]*) return 1 ;;
    esac
    printf '%s\n' "$rest" | tr '[:upper:]' '[:lower:]'
}

# Whether this address is one of the GitHub that is asked: its web address, its API, and where it keeps releases.
# https://docs.github.com/en/actions/reference/runners/self-hosted-runners (communication with GitHub)
# Plain http is for a literal loopback address only, which is a test's.
is_githubs() {
    host=$(host_of "$1") || return 1
    case $1 in
    https://*) ;;
    http://127.0.0.1:*) ;;
    *) return 1 ;;
    esac
    server=$(host_of "$base") || return 1
    if [ "$host" = "$server" ] || [ "$host" = "$(host_of "${api:-$base}")" ]; then
        # The scheme is the server's too.
        [ "${1%%://*}" = "${base%%://*}" ]
        return
    fi
    case $1 in http://*) return 1 ;; esac
    case $host in
    *."$server") return 0 ;; # GitHub Enterprise Server with subdomains, ghe.com
    esac
    case $server in
    github.com | *.ghe.com)
        case $host in
        release-assets.githubusercontent.com | objects.githubusercontent.com | github-releases.githubusercontent.com) return 0 ;;
        esac
        ;;
    esac
    return 1
}

# One request: address, file, and a file of headers or nothing. Sets `status` (000: no whole answer) and `location`.
# What may pass is tried three times.
request() {
    try=1
    while :; do
        status=000 location=
        rm -f "$2"
        # Without ~/.curlrc; the token, where there is one, is in no list of processes.
        curl -q --silent --show-error --proto "=${1%%://*}" --connect-timeout 15 --max-time 300 \
            --max-filesize 629145600 ${3:+-H "@$3"} --output "$2" --write-out '%{http_code} %{redirect_url}\n' \
            "$1" >"$private/answer" 2>"$private/said" &
        child=$!
        if quietly_wait; then
            read -r status location <"$private/answer" || :
        fi
        case $status in
        000 | 408 | 429 | 5??) if [ "$try" = 3 ]; then return; fi ;;
        *) return ;;
        esac
        sleep "$try" &
        child=$!
        quietly_wait || :
        try=$((try + 1))
    done
}

# An address to a file, over redirects within GitHub. 0 where it was there. A token goes to the first address only.
fetch() {
    address=$1 headers=${3:-} hops=0
    while :; do
        if ! is_githubs "$address"; then
            host=$(host_of "$address") || host="an address that is none"
            fail "downloading the runner: $base leads to $host, which is not GitHub's; nothing was taken from there"
        fi
        request "$address" "$2" "$headers"
        headers=
        case $status in
        200) return 0 ;;
        301 | 302 | 303 | 307 | 308) address=$location ;;
        *) return 1 ;;
        esac
        hops=$((hops + 1))
        if [ "$hops" -gt 5 ]; then fail "downloading the runner: more than five redirects from $base"; fi
    done
}

# The release through the API, which shows what is private to those who may read it.
# https://docs.github.com/en/rest/releases/assets#get-a-release-asset
fetch_by_api() {
    token=${INFRA_GITHUB_TOKEN:-}
    case $token in '' | *[!A-Za-z0-9_.=-]*) return 1 ;; esac
    if [ -z "$api" ]; then return 1; fi
    printf 'Authorization: Bearer %s\nAccept: application/vnd.github+json\n' "$token" >"$private/headers"
    fetch "$api/repos/$repository/releases/tags/v$version" "$private/release" "$private/headers" || return 1
    # An asset begins with its address and then has its name; the number is all that is taken from it.
    id=$(tr ',{}' '[\n*]' <"$private/release" | sed -n \
        -e 's|^ *"url" *: *".*/releases/assets/\([0-9][0-9]*\)".*|id \1|p' \
        -e 's|^ *"name" *: *"\([A-Za-z0-9._-]*\)".*|name \1|p' |
        awk -v asset="$asset" '$1 == "id" { id = $2 } $1 == "name" && $2 == asset && id != "" { print id; exit }')
    if [ -z "$id" ]; then return 1; fi
    printf 'Authorization: Bearer %s\nAccept: application/octet-stream\n' "$token" >"$private/headers"
    fetch "$api/repos/$repository/releases/assets/$id" "$1" "$private/headers"
}

# The release's file for this machine to $1.
download() {
    command -v curl >/dev/null 2>&1 || fail "downloading the runner needs curl, which is missing on this machine"
    base=${GITHUB_SERVER_URL:-https://github.com} api=${GITHUB_API_URL:-}
    if fetch "$base/$repository/releases/download/v$version/$asset" "$1"; then return; fi
    first=$status
    if fetch_by_api "$1"; then return; fi
    # An Enterprise Server may take actions from github.com without having their releases.
    if [ "$first" = 404 ] && [ "$base" != https://github.com ] && [ "${base%%://*}" = https ]; then
        base=https://github.com api=
        if fetch "$base/$repository/releases/download/v$version/$asset" "$1"; then return; fi
    fi
    if [ "$first" = 000 ]; then
        fail "downloading the runner $version from $base: $(head -c 300 "$private/said"); run the job again"
    fi
    fail "downloading the runner $version from $base/$repository: it answered $first for $asset"
}

# Ends unless $1 is the release's file. $2 says where it came from, $3 what to do.
verify() {
    found=$(sha256_of "$1")
    if [ "$found" != "$expected" ]; then
        fail "the runner $2 is not the one of this ref and was not started: its SHA-256 is $found, action/SHA256SUMS has $expected; $3"
    fi
}

# For a ref without a release. The compiler and the build scripts of crates get nothing of the job's environment, and
# the folder is the action's, whose cargo configuration is the only one that counts.
build() {
    command -v cargo >/dev/null 2>&1 ||
        fail "this ref of the action has no release, and there is no cargo to build it: pin the commit of a release" 2
    echo "this ref of the action has no release; building it takes some minutes" >&2
    (
        cd "$here"
        # shellcheck disable=SC2086
        exec env -i PATH="$PATH" HOME="${HOME:-$private}" TMPDIR="$private" \
            ${CARGO_HOME:+CARGO_HOME="$CARGO_HOME"} ${RUSTUP_HOME:+RUSTUP_HOME="$RUSTUP_HOME"} \
            ${RUSTUP_TOOLCHAIN:+RUSTUP_TOOLCHAIN="$RUSTUP_TOOLCHAIN"} \
            ${HTTPS_PROXY:+HTTPS_PROXY="$HTTPS_PROXY"} ${https_proxy:+https_proxy="$https_proxy"} \
            cargo build --quiet --release --locked --bin runner --target-dir "$private/target"
    ) >&2 &
    child=$!
    quietly_wait || fail "building the runner from this ref failed; its messages stand above"
    mv "$private/target/release/runner" "$private/runner"
    rm -rf "$private/target"
}

case "${RUNNER_OS:-}/${RUNNER_ARCH:-}" in
Linux/X64) target=x86_64-unknown-linux-musl ;;
Linux/ARM64) target=aarch64-unknown-linux-musl ;;
macOS/ARM64) target=aarch64-apple-darwin ;;
*)
    fail "there is no runner for ${RUNNER_OS:-an unknown system} on ${RUNNER_ARCH:-an unknown processor}: let the job run on Linux (X64 or ARM64) or macOS (ARM64)" 2
    ;;
esac

# The line of this machine's file: `<sha256>  runner-<version>-<target>`.
asset='' expected='' listed=''
if [ -f "$sums" ]; then
    while read -r hash name || [ -n "$hash" ]; do
        case $hash in '' | '#'*) continue ;; esac
        listed=yes
        case $name in runner-*-"$target") asset=$name expected=$hash ;; esac
    done <"$sums"
fi
if [ -n "$listed" ]; then
    version=${asset#runner-}
    version=${version%-"$target"}
    case $version in '' | *[!0-9A-Za-z.-]*) fail "action/SHA256SUMS names no runner for $target" ;; esac
    case $expected in *[!0-9a-f]*) fail "action/SHA256SUMS is damaged" ;; esac
    if [ "${#expected}" != 64 ]; then fail "action/SHA256SUMS is damaged"; fi
fi

# The repository whose release it is: where the action was unpacked says it best. `uses: ./` has none of its own.
case $here in
*/_actions/*/*/*)
    repository=${here##*/_actions/}
    name=${repository#*/}
    repository=${repository%%/*}/${name%%/*}
    ;;
*) repository=${INPUT_REPOSITORY:-${GITHUB_REPOSITORY:-}} ;;
esac

# The runner's arguments: the command's own words, the inputs as flags (with `=`, so that no value becomes a flag), then
# the services after `--`, so that no name becomes one.
services=$(printf '%s' "${INPUT_SERVICES:-}" | tr ',' ' ')
allow_replace=$(printf '%s' "${INPUT_ALLOW_REPLACE:-}" | tr ',' ' ')
set --
for word in ${INPUT_COMMAND:-}; do
    if [ "$word" = -- ]; then break; fi
    set -- "$@" "$word"
done
if [ "$#" = 0 ]; then fail "the input \`command\` is empty: write run, plan or another command" 2; fi
if [ -n "${INPUT_ENVIRONMENT:-}" ]; then set -- "$@" "--environment=$INPUT_ENVIRONMENT"; fi
if [ -n "${INPUT_FILE:-}" ]; then set -- "$@" "--file=$INPUT_FILE"; fi
if [ -n "${INPUT_TIMEOUT:-}" ]; then set -- "$@" "--timeout=$INPUT_TIMEOUT"; fi
if [ -n "${INPUT_IMAGES:-}" ]; then set -- "$@" "--images=$INPUT_IMAGES"; fi
if [ -n "${INPUT_EXPECT_PLAN:-}" ]; then set -- "$@" "--expect=$INPUT_EXPECT_PLAN"; fi
for id in $allow_replace; do set -- "$@" "--allow-replace=$id"; done
tail=
for word in ${INPUT_COMMAND:-}; do
    if [ "$word" = -- ]; then tail=yes; fi
    if [ -n "$tail" ]; then set -- "$@" "$word"; fi
done
for service in $services; do
    case $tail in
    yes) fail "\`services\` does not go with a command that has \`--\`: name them before it" 2 ;;
    '') set -- "$@" -- ;;
    esac
    tail=services
    set -- "$@" "$service"
done

trap clean EXIT
trap stop INT TERM HUP
private=$(mktemp -d "${RUNNER_TEMP:-${TMPDIR:-/tmp}}/finance-infra.XXXXXXXX")

if [ -z "$listed" ]; then
    build
else
    cache=
    if [ -n "${RUNNER_TOOL_CACHE:-}" ]; then cache=$RUNNER_TOOL_CACHE/finance-infra-action/$version/$target; fi
    kept=$cache/runner-$(printf '%.16s' "$expected")
    if [ -n "$cache" ] && [ -f "$kept" ]; then
        cp "$kept" "$private/runner"
        verify "$private/runner" "in the tool cache" "someone or something altered $kept: find out who, and delete it"
    else
        case $repository in
        */*/* | *[!A-Za-z0-9._/-]* | *..*) fail "downloading the runner: \`$repository\` is no repository" ;;
        */*) ;;
        *) fail "downloading the runner: the action's repository is not known" ;;
        esac
        download "$private/runner"
        verify "$private/runner" "that was downloaded" "run the job again; if it stays so, the release was altered: do not use it"
        # By another name first: a cache that is read meanwhile never sees half a file. A full disk is no failure.
        if [ -n "$cache" ]; then
            { mkdir -p "$cache" && cp "$private/runner" "$cache/.$$" && mv -f "$cache/.$$" "$kept"; } 2>/dev/null ||
                rm -f "$cache/.$$" 2>/dev/null || :
        fi
    fi
    chmod 0500 "$private/runner"
    verify "$private/runner" "beneath RUNNER_TEMP" "something on this machine altered it between two looks"
fi

rm -f "$private/answer" "$private/said" "$private/release" "$private/headers"
unset INPUT_COMMAND INPUT_ENVIRONMENT INPUT_FILE INPUT_SERVICES INPUT_IMAGES INPUT_EXPECT_PLAN INPUT_ALLOW_REPLACE \
    INPUT_TIMEOUT INPUT_REPOSITORY
exec "$private/runner" "$@"
