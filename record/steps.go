package record

import (
	"strconv"

	"github.com/shmbus/shmbus/internal/clock"
)

// clockName names the metadata record between the messages before and after a step of the wall clock.
const clockName = "shmbus.clock"

// maxClockSteps is the number of steps of the wall clock that are recorded. Log times follow further steps too.
const maxClockSteps = 4096

// applyClockSteps applies the steps of the wall clock since the last message to the times of further messages, and records
// them in the file.
func (r *recorder) applyClockSteps() {
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

// noteStep begins a new chunk: no chunk has messages from before and after a step.
func (r *recorder) noteStep(before, after clock.Offset) {
	r.w.Cut()
	if r.steps++; r.steps > maxClockSteps {
		return
	}
	for key, value := range map[string]int64{
		"stamp": after.Since, "offset_before": before.NS, "offset": after.NS,
		"log_time_before": max(after.Since+before.NS, 0), "log_time": max(after.Since+after.NS, 0),
	} {
		r.w.PutMetadata(clockName, key, strconv.FormatInt(value, 10))
	}
}
