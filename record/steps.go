package record

import (
	"strconv"

	"github.com/shmbus/shmbus/internal/clock"
)

// A metadata record that stands between messages from before and after a step of the wall clock.
const clockName = "shmbus.clock"

// mostSteps is how many steps of the wall clock are noted. Log times follow more of them too.
const mostSteps = 4096

// follow has the times of further messages follow the steps of the wall clock since the last message, and notes them in the
// file.
func (r *recorder) follow() {
	offsets := r.wall.Offsets()
	if offsets == r.offsets {
		return
	}
	before := (*r.offsets)[len(*r.offsets)-1]
	for _, o := range *offsets {
		if o.Since > before.Since {
			r.noteStep(before, o)
			before = o
		}
	}
	r.offsets = offsets
}

// noteStep begins a chunk: none holds messages from before and after a step.
func (r *recorder) noteStep(before, after clock.Offset) {
	r.w.Cut()
	if r.steps++; r.steps > mostSteps {
		return
	}
	for key, value := range map[string]int64{
		"stamp": after.Since, "offset_before": before.NS, "offset": after.NS,
		"log_time_before": max(after.Since+before.NS, 0), "log_time": max(after.Since+after.NS, 0),
	} {
		r.w.PutMetadata(clockName, key, strconv.FormatInt(value, 10))
	}
}
