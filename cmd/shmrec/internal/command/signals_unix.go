//go:build unix

package command

import (
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/shmbus/shmbus/record"
)

// A signalSteering lets SIGUSR1 be a trigger or end a part, and SIGUSR2 pause and resume. Signals that come before a recorder wait for it.
type signalSteering struct {
	signals  chan os.Signal
	handling sync.WaitGroup
}

func newSignalSteering() *signalSteering {
	s := &signalSteering{signals: make(chan os.Signal, 16)}
	signal.Notify(s.signals, syscall.SIGUSR1, syscall.SIGUSR2)
	return s
}

func (s *signalSteering) steer(a *app, rec *record.Recorder, triggers bool) {
	s.handling.Go(func() {
		for sig := range s.signals {
			if err := executeSignal(rec, sig, triggers); err != nil {
				fmt.Fprintf(a.Stderr, "shmrec: %v: %v\n", sig, err)
			}
		}
	})
}

func (s *signalSteering) stop() {
	signal.Stop(s.signals)
	close(s.signals)
	s.handling.Wait()
}

func executeSignal(rec *record.Recorder, s os.Signal, triggers bool) error {
	switch {
	case s == syscall.SIGUSR2 && rec.Status().State == record.RecordPaused:
		return rec.Resume()
	case s == syscall.SIGUSR2:
		return rec.Pause()
	case triggers:
		return rec.Trigger()
	}
	return rec.Split()
}
