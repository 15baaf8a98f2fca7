package watch

import (
	"slices"
	"time"

	"github.com/shmbus/shmbus/registry"
)

// keepDied is for how long a participant that died stays in the view when its files are removed.
const keepDied = int64(time.Minute)

// A death is a participant that died, and when that was found.
type death struct {
	participant registry.Participant
	at          int64
}

// died returns the participants that died in the last minute.
func (t *Tracker) died(s Snapshot) (all []registry.Participant) {
	for _, p := range t.last.Participants {
		if slices.Contains(s.Died, p.ID) {
			p.Alive, p.Endpoints = false, nil
			t.deaths = append(t.deaths, death{p, s.At})
		}
	}
	t.deaths = slices.DeleteFunc(t.deaths, func(d death) bool { return s.At-d.at > keepDied })
	for _, d := range t.deaths {
		all = append(all, d.participant)
	}
	return all
}
