#!/bin/sh
# A cheap bulk expert for a model that you have.  Adapt this block; README.md beside this file says what is what.

model=model.nequip.zip          # a checkpoint, a package, or nequip.net:GROUP/MODEL:VERSION
key=                            # its name, if the file holds several models
structures=structures.xyz       # frames like those that you will simulate, without labels; several files: "a.xyz b.xyz"
species=C,O                     # elements around which atoms are complex
radius=4.5                      # A, of the regions around them
crystal=                        # Pt,fcc,3.977, a structure file such as PdH.cif, or none; empty: that of the host's element
steps=10000                     # of the training; 100 for a first try
output=pair                     # a folder; the same command goes on with an interrupted training

# --layers, --l-max, --features, --cutoff: of the bulk expert.  All options: moe-ipi distill --help
# The names of structures are words each.
exec moe-ipi distill "$model" $structures ${key:+--key "$key"} --species "$species" --radius "$radius" \
  ${crystal:+--crystal "$crystal"} --steps "$steps" -o "$output" "$@"
