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
	domain, err := newDomain()
	if err != nil {
		return v, fmt.Errorf("verify %s: %w", path, err)
	}
	defer domain.remove()
	again := filepath.Join(dir, "again.mcap")
	rec, err := startRecording(ctx, domain.options, again)
	if err != nil {
		return v, fmt.Errorf("verify %s: %w", path, err)
	}
	p, err := topic.Join(domain.options)
	if err == nil {
		o.WaitSubscribers = max(o.WaitSubscribers, 1)
		o.WaitTaken = true
		v.Played, err = Play(ctx, p, path, &o)
		p.Close()
	}
	var rerr error
	if v.Recorded, rerr = rec.stop(); err == nil {
		err = rerr
	}
	if err != nil {
		return v, fmt.Errorf("verify: %w", err)
	}
	v.Difference, err = Compare(path, again)
	return v, err
}

// A privateDomain is a domain that no other program knows.
type privateDomain struct{ options *topic.Options }

// newDomain makes a domain in memory, in the directory for temporary files where there is no other.
func newDomain() (*privateDomain, error) {
	dir, err := os.MkdirTemp("/dev/shm", "shmrec-")
	if err != nil {
		if dir, err = os.MkdirTemp("", "shmrec-"); err != nil {
			return nil, err
		}
	}
	return &privateDomain{&topic.Options{Dir: dir, Domain: "replay"}}, nil
}

func (d *privateDomain) remove() { os.RemoveAll(d.options.Dir) }

// A running recording goes on until stop.
type runningRecording struct {
	end         context.CancelFunc
	participant *topic.Participant
	done        chan struct{}
	summary     Summary
	err         error
}

// startRecording begins a lossless recording and returns when it has subscribed.
func startRecording(ctx context.Context, domain *topic.Options, path string) (*runningRecording, error) {
	p, err := topic.Join(domain)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	r := &runningRecording{end: cancel, participant: p, done: make(chan struct{})}
	started := make(chan struct{})
	go func() {
		defer close(r.done)
		r.summary, r.err = Record(ctx, p, path, &RecordOptions{Lossless: true, Started: func() { close(started) }})
	}()
	select {
	case <-started:
		return r, nil
	case <-r.done:
		_, err := r.stop()
		return nil, err
	}
}

// stop ends the recording after what was published before.
func (r *runningRecording) stop() (Summary, error) {
	r.end()
	<-r.done
	r.participant.Close()
	return r.summary, r.err
}
