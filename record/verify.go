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
	Recorded   Summary    `json:"recorded"`   // without its path and files, which are removed
	Difference Difference `json:"difference"` // of the file and the recording of its replay
}

// Verify plays a file in a domain of its own, records that without loss and compares both. The replay must have all messages under their
// own names: a window, a choice, further files and a loop are errors, and names that do not fit make a difference. The domain is in
// memory and the recording in the directory for temporary files; both are removed. Calls of services are left out.
func Verify(ctx context.Context, path string, opts *PlayOptions) (v Verification, err error) {
	o, err := opts.checked()
	if err != nil {
		return v, err
	}
	w := o.window()
	if w != (playWindow{}) || o.Topics != nil || o.Exclude != nil || len(o.Files) > 0 || o.Loop || len(o.Rename) > 0 || o.Prefix != "" || o.Clock != "" || o.LockStep != nil || o.Requests {
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
	if v.Played, v.Recorded, err = playAndRecord(ctx, &domain, path, again, &o); err != nil {
		return v, fmt.Errorf("verify: %w", err)
	}
	v.Recorded.Path, v.Recorded.Files = "", nil
	v.Difference, err = CompareWithin(path, again, &CompareOptions{NoServices: true})
	return v, err
}

// playAndRecord plays a file and records the replay to another one.
func playAndRecord(ctx context.Context, domain *topic.Options, from, to string, o *PlayOptions) (played, recorded Summary, err error) {
	p, err := topic.Join(domain)
	if err != nil {
		return played, recorded, err
	}
	defer p.Close()
	observer, err := topic.Join(domain)
	if err != nil {
		return played, recorded, err
	}
	defer observer.Close()
	rec, err := Start(ctx, observer, to, &RecordOptions{Lossless: true})
	if err != nil {
		return played, recorded, err
	}
	o.WaitSubscribers = max(o.WaitSubscribers, 1)
	o.WaitTaken = true
	played, err = Play(ctx, p, from, o)
	p.Close() // the recorder sees the ends of its publishers
	rec.Stop()
	recorded, rerr := rec.Wait()
	if err == nil {
		err = rerr
	}
	return played, recorded, err
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
