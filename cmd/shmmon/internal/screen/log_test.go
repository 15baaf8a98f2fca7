package screen

import (
	"context"
	"errors"
	"testing"

	"github.com/shmbus/shmbus/cmd/shmmon/internal/logtopics"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/watch"
)

// A programLog is a logtopics.Source with records that a test chooses.
type programLog struct {
	news []logtopics.Record
	err  error
}

func (p *programLog) Read(context.Context, []string) ([]logtopics.Record, error) {
	news := p.news
	p.news = nil
	return news, p.err
}

func (p *programLog) Close() error { return nil }

// What programs log is among what happened, by the time of logging, and the filter finds it.
func TestLog_RecordsOfPrograms(t *testing.T) {
	logged := &programLog{}
	d := driveWith(t, &script{make: robot}, &Options{Logs: logged}, 120, 24, 5)
	logged.news = []logtopics.Record{
		{Message: logtopics.Message{Level: "warn", Name: "control", Text: "motor is hot", Where: "motor.go:7"}, At: 5500e6, Topic: "log/motor", Unit: "motor", PID: 77},
		{Message: logtopics.Message{Level: "info", Text: "a\x1bb"}, At: 5600e6, Topic: "log/motor", Unit: "motor", PID: 77},
	}
	d.scans(1)
	logged.news = []logtopics.Record{{Err: errors.New("no map"), At: 6500e6, Topic: "log/motor", Unit: "motor", Missed: 3}}
	d.scans(1).press("6").shows("WARN", "control: motor is hot (motor.go:7)", `a\x1bb`, "3 messages of its log", "a message of its log: no map")
	d.press("/").typed("motor.is").press("enter").shows("/motor.is 1 of", "WARN")
	d.press("/").typed("zzz").press("enter").shows("no entry matches the filter; esc clears it")
	d.lacks("nothing has happened")
}

// A program that logs a lot does not push out what happened, nor the other way round.
func TestLog_RecordsAreBounded(t *testing.T) {
	logged := &programLog{}
	d := driveWith(t, &script{make: robot}, &Options{Logs: logged}, 120, 24, 5)
	before := len(d.log.Entries)
	for range 3 {
		for range watch.MaxEntries {
			logged.news = append(logged.news, logtopics.Record{Message: logtopics.Message{Level: "info", Text: "again"}, At: d.view.At})
		}
		d.scans(1)
	}
	if n := len(d.log.Records); n > watch.MaxEntries || n < watch.MaxEntries/2 || before == 0 || len(d.log.Entries) < before {
		t.Errorf("%d records, %d entries of %d", n, len(d.log.Entries), before)
	}
	logged.err = errors.New("no right to it")
	d.scans(3).press("6", "/").typed("no right").press("enter").shows("/no right 1 of")
}
