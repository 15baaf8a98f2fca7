// Package rounds lets everybody who is compared take turns: each peer runs right before or right after us, all of them one after the
// other, round after round, so that a machine that gets slower gets slower for all.
package rounds
