#!/usr/bin/env bash
# Everything that needs a CUDA device, in under 8 minutes: the operator's tests, the same under compute-sanitizer, the
# kernels' speed, and a short training.
#
#   tools/gpu.sh OUT [PHOTOS]
#
# Run it in a checkout whose package is installed with the `test` extra. OUT gets a log of each step and results.md, which
# says with which commands and on which device the figures were made. compute-sanitizer comes from the CUDA toolkit, or
# from `pip install nvidia-cuda-sanitizer-api`. A step that fails does not keep the others from running.
set -uo pipefail
out=${1:?say where the results go: tools/gpu.sh OUT [PHOTOS]}
photos=${2:-sample}
mkdir -p "$out"
python -c 'import sys, torch; sys.exit(None if torch.cuda.is_available() else "torch finds no CUDA device here")' || exit 2

results=$out/results.md
{
  echo "# Measured $(date -u +%F) on a CUDA device"
  echo
  python -c 'import torch; print(torch.cuda.get_device_name(), "torch", torch.__version__, sep=", ")'
  git describe --always --dirty
  echo
  echo "| step | seconds at most | exit status | seconds | last line |"
  echo "|---|---|---|---|---|"
} > "$results"

failed=0
step() { # name, limit in seconds, command ...
  local name=$1 limit=$2 begun=$SECONDS status
  shift 2
  timeout --kill-after=10 "$limit" "$@" > "$out/$name.log" 2>&1
  status=$?
  [ $status -eq 0 ] || failed=1
  echo "| \`$*\` | $limit | $status | $((SECONDS - begun)) | $(grep . "$out/$name.log" | tail -n 1 | tr '|\r' '/ ' | tail -c 200) |" \
    | tee -a "$results"
}

sanitizer=$(command -v compute-sanitizer || python -c '
import glob, sysconfig
found = glob.glob(sysconfig.get_path("purelib") + "/nvidia/**/compute-sanitizer/compute-sanitizer", recursive=True)
print(found[0] if found else "compute-sanitizer")')

step operator 60 python -m pytest -q -p no:cacheprovider tests/lut/test_operator.py
for tool in memcheck racecheck; do
  step "$tool" 75 "$sanitizer" --tool "$tool" --error-exitcode 9 python -m pytest -q -x -p no:cacheprovider \
    -m cuda -k "not compile" tests/lut/test_operator.py
done
step speed 120 python -m pytest -q -p no:cacheprovider tests/speed/test_cuda.py --benchmark-only \
  --benchmark-json="$out/speed.json"
step train 130 sshbench train ssh --recipe gpu --source "$photos" --workers 8 --device cuda --time-limit 110s \
  --set schedule.budget=110s --out "$out/ssh" --resume

echo
echo "The figures are in $results and the weights in $out/ssh/best."
exit $failed
