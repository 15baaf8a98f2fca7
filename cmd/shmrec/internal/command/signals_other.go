//go:build !unix

package command

import "github.com/shmbus/shmbus/record"

// A signalSteering does nothing: this system has no signals for it.
type signalSteering struct{}

func newSignalSteering() *signalSteering                   { return &signalSteering{} }
func (*signalSteering) steer(*app, *record.Recorder, bool) {}
func (*signalSteering) stop()                              {}
