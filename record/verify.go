package record

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/shmbus/shmbus/topic"
)

// A Verification is the result of Verify.
type Verification struct {
	Played     Summary    `json:"played"`
	Recorded   Summary    `json:"recorded"`
	Difference Difference `json:"difference"` // of the file and the recording of its replay
}

// Verify plays a file in a domain of its own, records that without loss and compares both. The replay must have all messages under their
// own names: a window, a choice, further files and a loop are errors, and names that do not fit make a difference. The domain is in
// memory and the recording in the directory for temporary files; both are removed.
func Verify(ctx context.Context, path string, opts *PlayOptions) (v Verification, err error) {
	o, err := opts.checked()
	if err != nil {
		return v, err
	}
	w := o.window()
	if w != (playWindow{}) || o.Topics != nil || o.Exclude != nil || len(o.Files) > 0 || o.Loop || len(o.Rename) > 0 || o.Prefix != "" || o.Clock != "" || o.LockStep != nil {
		return v, fmt.Errorf("verify %s: only a whole file under its own names can be compared; leave out what chooses, renames, repeats or adds", path)
	}
	dir, err := os.MkdirTemp("", "shmrec-verify-")
	if err != nil {
		return v, fmt.Errorf("verify %s: %w", path, err)
	}
	defer os.RemoveAll(dir)
	domain, remove, err := PrivateDomain()
	if err != nil {
		return v, fmt.Errorf("verify %s: %w", path, err)
	}
	defer remove()
	again := filepath.Join(dir, "again.mcap")
	rec, err := StartRecord(ctx, &domain, again, &RecordOptions{Lossless: true})
	if err != nil {
		return v, fmt.Errorf("verify %s: %w", path, err)
	}
	p, err := topic.Join(&domain)
	if err == nil {
		o.WaitSubscribers = max(o.WaitSubscribers, 1)
		o.WaitTaken = true
		v.Played, err = Play(ctx, p, path, &o)
		p.Close()
	}
	var rerr error
	if v.Recorded, rerr = rec.Stop(); err == nil {
		err = rerr
	}
	if err != nil {
		return v, fmt.Errorf("verify: %w", err)
	}
	v.Difference, err = Compare(path, again)
	return v, err
}

// PrivateDomain makes a domain in memory that no other program knows. remove removes it; its participants must be closed before.
func PrivateDomain() (domain topic.Options, remove func(), err error) {
	dir, err := os.MkdirTemp("/dev/shm", "shmrec-")
	if err != nil {
		if dir, err = os.MkdirTemp("", "shmrec-"); err != nil {
			return domain, nil, fmt.Errorf("make a private domain: %w", err)
		}
	}
	return topic.Options{Dir: dir, Domain: "private"}, func() { os.RemoveAll(dir) }, nil
}

// A StartedRecord is a Record that runs until Stop.
type StartedRecord struct {
	end         context.CancelFunc
	participant *topic.Participant
	done        chan struct{}
	summary     Summary
	err         error
}

// StartRecord joins a domain and begins to record. It returns when samples that are published from then on are recorded. The end of ctx
// ends the recording too.
func StartRecord(ctx context.Context, domain *topic.Options, path string, opts *RecordOptions) (*StartedRecord, error) {
	p, err := topic.Join(domain)
	if err != nil {
		return nil, err
	}
	var o RecordOptions
	if opts != nil {
		o = *opts
	}
	ctx, cancel := context.WithCancel(ctx)
	r := &StartedRecord{end: cancel, participant: p, done: make(chan struct{})}
	started, told := make(chan struct{}), o.Started
	o.Started = func() {
		close(started)
		if told != nil {
			told()
		}
	}
	go func() {
		defer close(r.done)
		r.summary, r.err = Record(ctx, p, path, &o)
	}()
	select {
	case <-started:
		return r, nil
	case <-r.done:
		_, err := r.Stop()
		return nil, err
	}
}

// Stop ends the recording after what was published before, and closes the file. Further calls return the same.
func (r *StartedRecord) Stop() (Summary, error) {
	r.end()
	<-r.done
	r.participant.Close()
	return r.summary, r.err
}
