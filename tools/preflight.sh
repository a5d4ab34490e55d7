#!/bin/sh
# Says what this machine lacks before anything is touched, everything at once; or installs the system packages.
#
#   tools/preflight.sh            check only; exit status 1 and one line for each thing that is wrong
#   tools/preflight.sh install [PACKAGE]...    install the system packages that are missing, and these
#
# Environment: PYTHON (default python3), LAB_MIN_FREE_MIB (default 3072).
# For tests: LAB_OS_RELEASE, LAB_STORAGE (where podman stores), LAB_CHECKOUT.
set -u

PACKAGES="podman crun netavark aardvark-dns iptables uidmap fuse-overlayfs mmdebstrap debian-archive-keyring openssh-client python3-venv"

python=${PYTHON:-python3}
min_free=${LAB_MIN_FREE_MIB:-3072}
os_release=${LAB_OS_RELEASE:-/etc/os-release}
checkout=${LAB_CHECKOUT:-$(cd "$(dirname "$0")/.." && pwd)}
failed=0

wrong() {
    printf 'preflight: %s\n' "$1" >&2
    failed=1
}

check_os() {
    # A subshell, so that the file's variables stay out of ours.
    # shellcheck disable=SC1090
    system=$(. "$os_release" 2>/dev/null && printf '%s-%s' "${ID:-unknown}" "${VERSION_ID:-}")
    case $system in
        debian-12 | debian-13 | ubuntu-*) ;;
        *) wrong "unsupported system ${system:-unknown}: the lab runs on Debian 12, Debian 13 and Ubuntu" ;;
    esac
}

check_root() {
    [ "$(id -u)" -eq 0 ] || wrong "not root: the lab makes networks and privileged containers; run it as root (sudo make lab)"
}

check_python() {
    if ! command -v "$python" >/dev/null 2>&1; then
        wrong "no $python: install Python 3.11 or newer, or name one (PYTHON=/path/to/python3.11)"
    elif ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
        wrong "$python is $("$python" -V 2>&1), older than 3.11: name a newer one (PYTHON=/path/to/python3.11)"
    fi
}

check_podman() {
    command -v podman >/dev/null 2>&1 && return
    if ! command -v apt-get >/dev/null 2>&1; then
        wrong "no podman, and no apt-get to install it with: install podman 4.3 or newer"
    elif [ -n "$(apt-cache policy bash 2>/dev/null)" ] && ! has_candidate podman; then
        wrong "no podman, and the package sources do not offer it: run apt-get update, or add a source that has it"
    fi
}

has_candidate() {
    apt-cache policy "$1" 2>/dev/null | grep -q '^  Candidate: [^(]'
}

# podman itself is not asked where it stores: its first answer would create the place.
storage() {
    if [ -n "${LAB_STORAGE:-}" ]; then
        printf '%s\n' "$LAB_STORAGE"
        return
    fi
    configured=$(sed -n 's/^ *graphroot *= *"\(.*\)".*/\1/p' /etc/containers/storage.conf 2>/dev/null | head -n 1)
    printf '%s\n' "${configured:-/var/lib/containers/storage}"
}

check_space() {
    place=$1
    while [ ! -e "$place" ]; do place=$(dirname "$place"); done
    free=$(df -Pm "$place" | awk 'NR == 2 {print $4}')
    [ "${free:-0}" -ge "$min_free" ] || wrong "too little disk for $2: $place has ${free:-0} MiB free, $min_free MiB are needed"
}

check() {
    check_os
    check_root
    check_python
    check_podman
    check_space "$(storage)" "container images"
    check_space "$checkout" "the checkout"
    return "$failed"
}

missing_packages() {
    for package in $PACKAGES "$@"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || printf '%s ' "$package"
    done
}

apt_install() {
    # shellcheck disable=SC2086 # a list of words
    DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends $1
}

install() {
    missing=$(missing_packages "$@")
    if [ -z "$missing" ]; then
        echo "preflight: all system packages are there"
        return
    fi
    echo "preflight: installing $missing"
    for package in $missing; do
        has_candidate "$package" || { apt-get update -q && break; }
    done
    # Lists may be older than what the mirror still has: once more with new ones.
    apt_install "$missing" || { apt-get update -q && apt_install "$missing"; } || {
        wrong "apt-get could not install $missing; its last lines say why"
        return 1
    }
}

case ${1:-} in
    "") check ;;
    install)
        shift
        install "$@"
        ;;
    *)
        wrong "unknown argument $1: tools/preflight.sh [install]"
        exit 2
        ;;
esac
