# Installs what is missing, with apt-get. To be sourced.

# install_missing PROGRAM=PACKAGES…: Debian's packages, as far as the programs are not there.
install_missing() {
    local packages=() pair
    for pair in "$@"; do
        # shellcheck disable=SC2206 # several packages may stand behind one program
        type -P "${pair%%=*}" >/dev/null || packages+=(${pair#*=})
    done
    install_packages "${packages[@]}"
}

install_packages() {
    [[ $# -gt 0 ]] || return 0
    printf '\n== apt-get install %s\n' "$*"
    if ! type -P apt-get >/dev/null; then
        echo "apt-get is not here: install what these packages bring, and start again" >&2
        exit 1
    fi
    local root=()
    [[ $(id -u) -eq 0 ]] || root=(sudo)
    "${root[@]}" apt-get update
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "$@"
}

# Rust, also where the shell does not know yet that rustup has installed it.
find_rust() {
    if ! type -P cargo >/dev/null && [[ -f ${CARGO_HOME:-$HOME/.cargo}/env ]]; then
        # shellcheck source=/dev/null
        source "${CARGO_HOME:-$HOME/.cargo}/env"
    fi
    if ! type -P cargo >/dev/null; then
        echo "Rust is not here: see https://rustup.rs" >&2
        exit 1
    fi
}
