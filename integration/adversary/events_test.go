//go:build linux

package adversary

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/shmbus/shmbus/integration/internal/harness"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/topic"
)

// peerReport is what a peer has been through.
type peerReport struct {
	Received, Published uint64
	Target              harness.Report // of the target's publisher
	Named               int            // adversaries that an event or its error names
	Unattributed        []string       // events that name no adversary
	Kinds               map[string]int // errors by phrase
	Adversaries         int            // adversaries whose Joined event came
	MostSysMiB          uint64         // most memory that the runtime had from the system
	Before, After       usage
}

// usage is the resources of a process.
type usage struct {
	HeapKiB                       uint64 // after a collection
	Goroutines, Descriptors, Maps int
}

func measure() usage {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	u := usage{HeapKiB: m.HeapAlloc >> 10, Goroutines: runtime.NumGoroutine()}
	u.Descriptors, u.Maps = harness.CountResources("self")
	return u
}

// errorPhrases are phrases of errors about adversaries.
var errorPhrases = []string{
	"cut the file short", "ring entry", "slot of sequence", "in a slot of", "arena", "magic", "checksum", "not a regular file",
	"too many levels", "depth", "removed while", "layout version", "cannot be read", "endpoint page",
}

// An eventRecorder counts how often each participant is named by an event or its error.
type eventRecorder struct {
	mu    sync.Mutex
	e     peerReport
	named map[registry.ID]int
}

func (w *eventRecorder) record(ev topic.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case ev.Kind == topic.Joined && ev.Participant.Unit == "hostile":
		w.e.Adversaries++
	case ev.Kind == topic.Unavailable || ev.Kind == topic.TypeMismatch:
		text, id := ev.Err.Error(), ev.Participant.ID
		if id != 0 && (ev.Participant.Unit == "hostile" || strings.Contains(text, id.String())) {
			w.named[id]++
		} else {
			w.e.Unattributed = append(w.e.Unattributed, fmt.Sprintf("%+v: %s", ev.Participant, text))
		}
		for _, k := range errorPhrases {
			if strings.Contains(text, k) {
				w.e.Kinds[k]++
			}
		}
	}
}

// timesNamed returns how often a participant was named.
func (w *eventRecorder) timesNamed(id registry.ID) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.named[id]
}

// watchMemory looks at the process's memory.
func (w *eventRecorder) watchMemory(ctx context.Context) {
	var m runtime.MemStats
	for ctx.Err() == nil {
		runtime.ReadMemStats(&m)
		w.mu.Lock()
		w.e.MostSysMiB = max(m.Sys>>20, w.e.MostSysMiB)
		w.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
}
