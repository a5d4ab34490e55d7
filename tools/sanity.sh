#!/bin/sh
# ansible-test sanity on what the collection ships. Needs the .venv of `make setup-test`; leaves everything below .build/sanity.
#
#   tools/sanity.sh            all tests below
#   tools/sanity.sh import     these only
set -eu

cd "$(dirname "$0")/.."
work=$PWD/.build/sanity
copy=$work/ansible_collections/clusterwright/hpc
bin=$PWD/.venv/bin
tests="action-plugin-docs ansible-doc compile empty-init ignores import line-endings no-assert no-get-exception
    no-illegal-filenames no-smart-quotes replace-urlopen runtime-metadata shebang symlinks use-argspec-type-path
    use-compat-six validate-modules"
# Left out:
#   changelog, yamllint, pep8, shellcheck   `make lint` does them, with newer tools
#   pylint                                  two minutes, and what it adds to ruff is its own taste (it forbids the name _)
#   pslint                                  there is no PowerShell here

# ansible-test takes only a real directory of this name, so a link to the checkout will not do; and it tests the files that git does
# not ignore, so the copy is a repository of its own.
copy_what_ships() {
    rm -rf "$copy"
    git init -q "$copy"
    # shellcheck disable=SC2016 # sh -c expands it
    git ls-files -coz --exclude-standard -- \
        galaxy.yml README.md COPYING CHANGELOG.md changelogs meta docs playbooks plugins roles tests/config.yml tests/sanity |
        xargs -0 sh -c 'for file; do [ ! -e "$file" ] || cp -p --parents "$file" "$0"; done' "$copy"
}

# ansible-test makes virtual environments without pip, and brings pip into them by a script that it downloads from a host of its
# own. Where it finds the script in its cache, it does not download: this one gets pip from Python itself and the rest from where
# pip is set to look. A home of its own keeps that out of the user's; pip's settings are the user's.
lay_out_home() {
    version=$("$bin/python" -c 'from ansible_test._internal.python_requirements import get_venv_packages as get; print(get(None)["pip"])' \
        2>/dev/null) || version=24.2
    mkdir -p "$work/home/.ansible/test/cache" "$work/home/.config"
    [ ! -d "$HOME/.config/pip" ] || ln -sfn "$HOME/.config/pip" "$work/home/.config/pip"
    [ ! -d "$HOME/.pip" ] || ln -sfn "$HOME/.pip" "$work/home/.pip"
    cat >"$work/home/.ansible/test/cache/get_pip_$(echo "$version" | tr . _).py" <<'EOF'
import subprocess
import sys

if __name__ == "__main__":
    wanted = [word for word in sys.argv[1:] if word not in ("--no-setuptools", "--no-wheel")]
    for words in (["ensurepip"], ["pip", "install", "--quiet", *wanted]):
        subprocess.run([sys.executable, "-m", *words], check=True)
EOF
}

run() {
    # shellcheck disable=SC2046 # each name is a word
    (cd "$copy" && HOME=$work/home PATH=$bin:$PATH "$bin/ansible-test" sanity --local --color no "$@" \
        $(for name in $tests; do echo "--test $name"; done))
}

[ $# -eq 0 ] || tests=$*
copy_what_ships
lay_out_home
unset ANSIBLE_CONFIG
run --python "$("$bin/python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')"
# The nodes' Python is older than this machine's; where the oldest is at hand, what runs on nodes is imported with it too.
if oldest=$(tools/find_python.sh 3.9); then
    tests="compile import"
    PATH=$(dirname "$oldest"):$PATH run --python 3.9
fi
