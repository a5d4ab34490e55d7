#!/bin/sh
# Prints the path of the first Python, of the versions given, that really runs on this machine; status 1 if there is none.
#
#   tools/find_python.sh 3.14 3.13 3.12
#
# A name on PATH is no proof: a version manager's stand-in is there for versions that it will not run. So each is asked who it is,
# and pyenv's own directories are looked into as well.
set -u

probe='import ensurepip, sys, venv
sys.exit("%d.%d" % sys.version_info[:2] != sys.argv[1] or print(sys.executable))'

for version; do
    for python in "python$version" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$version"*/bin/python3; do
        "$python" -c "$probe" "$version" 2>/dev/null && exit 0
    done
done
exit 1
