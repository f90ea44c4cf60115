#!/usr/bin/env bash
# Packs what a bare GPU machine lacks to run benchmarks/on_gpu.py: `gpu_pack/`, for two visits.
#
#   benchmarks/gpu_pack.sh           pack, and print the two commands to run there
#   benchmarks/gpu_pack.sh --help    this text
#
# gpu_pack/first   small wheels and the patches of PCam that the paper uses
# gpu_pack/second  Ray, without its Java part and the pages of its dashboard
#
# The first visit takes along the repository's files and gpu_pack/first, the second those files and
# gpu_pack/second. The folder for records is $OUT there. PCam is looked for in
# $RLSEL_SHARED/data/pcam, or ../shared. Needs git, GNU tar, xz and a connection to a package index.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [[ ${1:-} == --help ]]; then
    sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//p}' benchmarks/gpu_pack.sh
    exit
fi
if (($#)); then
    echo "gpu_pack: $1 is no option; the only one is --help" >&2
    exit 2
fi

MAX_MIB=60 # of each visit

# That machine: Linux on x86-64, Python 3.12, PyTorch 2.11, no network. Of what rlsel and
# ray[rllib,tune] import it has NumPy, SciPy, pandas, pyarrow, scikit-learn, h5py, Matplotlib,
# jaxtyping, typer, rich, protobuf and the like, and it lacks these. Versions: constraints.txt.
WHEELS=(
    annotated-types        # pydantic
    pydantic
    pydantic-core
    typing-inspection      # pydantic
    dm-tree                # RLlib
    farama-notifications   # Gymnasium
    gymnasium
    jsonschema             # Ray
    jsonschema-specifications
    lz4                    # RLlib
    ormsgpack              # RLlib
    platformdirs
    referencing            # jsonschema
    rpds-py                # jsonschema
    tensorboardX
)
# pip takes a wheel only if one of its tags is named exactly.
THERE=(--no-deps --only-binary=:all: -c constraints.txt --python-version 3.12 --implementation cp)
for tag in _2_28 _2_27 _2_24 _2_17 2014 1; do
    THERE+=(--platform "manylinux${tag}_x86_64")
done

python=$PWD/.venv/bin/python
[[ -x $python ]] || python=python3
pip() { "$python" -m pip -qq --disable-pip-version-check "$@"; }

shared=${RLSEL_SHARED:-../shared}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/pack/{first/wheels,second}

pip download "${THERE[@]}" -d "$work/pack/first/wheels" "${WHEELS[@]}"

if compgen -G "$shared/data/pcam/train-*.parquet" >/dev/null; then
    patches=$(realpath "$shared/data/pcam")
    target=$work/pack/first/data/pcam
    (cd benchmarks && PYTHONPATH=.. "$python" -m gpu.patches "$patches" "$target")
else
    echo "gpu_pack: no PCam in $shared/data/pcam, so the pack is without real images" >&2
fi

# Installed rather than unzipped, as that keeps Ray's programs executable.
pip install "${THERE[@]}" --no-compile --target "$work/ray" ray
tar -C "$work/ray" --sort=name --owner=0 --group=0 \
    --exclude=./bin --exclude=./ray/jars --exclude=./ray/dashboard/client/build -c . |
    xz -9 >"$work/pack/second/ray.tar.xz"

num_bytes() { # of the files whose names come in, each ended by a zero
    { du -bc --files0-from=- 2>/dev/null || true; } | awk 'END { print $1 + 0 }'
}
mib() { awk -v bytes="$1" 'BEGIN { printf "%.1f MiB", bytes / 2^20 }'; }

repository=$(git ls-files -co --exclude-standard -z | num_bytes)
printf '%-38s %10s\n' "the repository's files" "$(mib "$repository")"
for visit in first second; do
    total=$repository
    for part in "$work/pack/$visit"/*; do
        bytes=$(find "$part" -type f -print0 | num_bytes)
        printf '%-38s %10s\n' "gpu_pack/$visit/${part##*/}" "$(mib "$bytes")"
        total=$((total + bytes))
    done
    printf '%-38s %10s\n' "$visit visit, repository included" "$(mib "$total")"
    if ((total > MAX_MIB * 2 ** 20)); then
        echo "gpu_pack: the $visit visit takes $(mib "$total"); $MAX_MIB MiB is the most" >&2
        exit 1
    fi
done
rm -rf gpu_pack
mv "$work/pack" gpu_pack

cat <<'COMMANDS'

First visit, in the repository's folder, with gpu_pack/first:

python3 -m pip install -q --no-index --no-deps --no-compile --no-cache-dir --upgrade --target /tmp/site gpu_pack/first/wheels/*.whl &&
export PYTHONPATH=/tmp/site:$PWD RLSEL_SHARED=$PWD/gpu_pack/first RLSEL_CACHE=/tmp/rlsel-cache PYTHONUNBUFFERED=1 &&
python3 benchmarks/on_gpu.py --part correct --part throughput --part generator --to $OUT

Second visit, on the same machine, with gpu_pack/second:

[ -d /tmp/site/pydantic ] && [ -d gpu_pack/first/wheels ] || { echo 'gpu_pack: this machine is a new one, without what the first visit left; run the first visit again'; exit 1; }
{ tar -xJf gpu_pack/second/ray.tar.xz -C /tmp/site || python3 -m tarfile -e gpu_pack/second/ray.tar.xz /tmp/site; } &&
export PYTHONPATH=/tmp/site:$PWD RLSEL_SHARED=$PWD/gpu_pack/first RLSEL_CACHE=/tmp/rlsel-cache PYTHONUNBUFFERED=1 &&
python3 benchmarks/on_gpu.py --part paper --to $OUT
COMMANDS
