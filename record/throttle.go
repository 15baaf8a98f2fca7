package record

import (
	"cmp"
	"errors"
	"fmt"
	"hash/maphash"
	"regexp"
	"strings"
	"time"

	"github.com/shmbus/shmbus/topic"
)

// A Throttle leaves out messages of some topics on purpose. A message is recorded if all conditions hold. Each publisher is throttled
// by itself.
type Throttle struct {
	Topics   *regexp.Regexp // the topics that match; nil = all. Of several throttles of a topic, each condition is that of the first that has it
	MaxRate  float64        // messages per second at most, by their stamps; 0 = any
	Every    int            // only every nth message, beginning with the first; 0 = all
	OnChange bool           // only messages whose payload differs from that of the last recorded one
}

func (t *Throttle) check() error {
	switch {
	case !(t.MaxRate >= 0) || t.Every < 0:
		return errors.New("record: a maximum rate or a step of a throttle is negative")
	case t.MaxRate == 0 && t.Every == 0 && !t.OnChange:
		return errors.New("record: a throttle has no condition; give a maximum rate, a step, or record changes only")
	}
	return nil
}

// String describes the throttle in the metadata of its channels.
func (t *Throttle) String() string {
	var parts []string
	if t.MaxRate > 0 {
		parts = append(parts, fmt.Sprintf("at most %v Hz", t.MaxRate))
	}
	if t.Every > 0 {
		parts = append(parts, fmt.Sprintf("every %d.", t.Every))
	}
	if t.OnChange {
		parts = append(parts, "on change")
	}
	return strings.Join(parts, ", ")
}

// throttleFor returns the conditions for a topic, nil if there are none.
func (o *RecordOptions) throttleFor(name string) (all *Throttle) {
	for _, t := range o.Throttles {
		if t.Topics != nil && !t.Topics.MatchString(name) {
			continue
		}
		if all == nil {
			all = new(Throttle)
		}
		all.MaxRate, all.Every, all.OnChange = cmp.Or(all.MaxRate, t.MaxRate), cmp.Or(all.Every, t.Every), all.OnChange || t.OnChange
	}
	return all
}

// A throttleState is a Throttle of one publisher.
type throttleState struct {
	*Throttle
	left    uint64 // messages left out so far
	lost    uint64 // messages lost since the last recorded one
	seen    int    // since the last recorded one
	begun   bool
	last    int64 // stamp of the last recorded one
	seed    maphash.Seed
	content uint64
}

// takes reports whether a sample is to be recorded. An error means that the payload cannot be read.
func (t *throttleState) takes(s *topic.Sample[[]byte]) (bool, error) {
	stamp := int64(s.Stamp())
	if t.begun && t.Every > 0 && t.seen+1 < t.Every {
		t.seen++
		return false, nil
	}
	if t.begun && t.MaxRate > 0 && stamp >= t.last && float64(stamp-t.last) < float64(time.Second)/t.MaxRate {
		t.seen++
		return false, nil
	}
	if t.OnChange {
		var content uint64
		err := s.Read(func(payload []byte) error {
			content = maphash.Bytes(t.seed, payload)
			return nil
		})
		if err != nil || t.begun && content == t.content {
			return false, err
		}
		t.content = content
	}
	t.begun, t.seen, t.last = true, 0, stamp
	return true, nil
}
