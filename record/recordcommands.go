package record

import (
	"context"
	"errors"

	"github.com/shmbus/shmbus/record/control"
)

// Commands returns what other programs may ask of the recorder, for a control.Server.
func (rec *Recorder) Commands() []control.Command {
	command := func(name, about string, run func() error) control.Command {
		return control.Command{
			CommandDescription: control.CommandDescription{Name: name, About: about},
			Run: func(_ context.Context, arguments []string) (any, error) {
				if len(arguments) > 0 {
					return nil, errors.New(name + " takes no argument")
				}
				return nil, run()
			},
		}
	}
	status := command("status", "Show what the recorder does; with summary without topics.", nil)
	status.Arguments = "[summary]"
	status.Run = func(_ context.Context, arguments []string) (any, error) {
		s := rec.Status()
		switch {
		case len(arguments) == 1 && arguments[0] == "summary":
			s.Topics = nil
		case len(arguments) > 0:
			return nil, errors.New("status takes no argument but summary")
		}
		return s, nil
	}
	return []control.Command{
		status,
		command("pause", "Record nothing until resume.", rec.Pause),
		command("resume", "Record again.", rec.Resume),
		command("split", "Begin a new part.", rec.Split),
		command("trigger", "Write what was published before, and will be after now.", rec.Trigger),
		command("stop", "End the recording in order.", func() error {
			rec.Stop()
			return nil
		}),
	}
}
