package record

import (
	"sync"

	"github.com/shmbus/shmbus/record/mcapfile"
)

// A progressReader tells how far the passes over some files are, by the place in the file that is read.
type progressReader struct {
	mcapfile.Files
	size   int64
	passes *readPasses
}

// readPasses are the passes over some files of about the same cost.
type readPasses struct {
	show func(float64) // gets the share that is done, from 0 to 1
	all  int

	mu   sync.Mutex
	pass int   // that goes on
	most int64 // bytes of it
}

// of returns src, and shows the reading of it if that is wanted.
func (p *readPasses) of(src mcapfile.Files, size int64) mcapfile.Files {
	if p == nil || p.show == nil {
		return src
	}
	return &progressReader{src, size, p}
}

// next begins the next pass.
func (p *readPasses) next() {
	if p != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.pass, p.most = p.pass+1, 0
	}
}

func (r *progressReader) ReadAt(b []byte, off int64) (int, error) {
	n, err := r.Files.ReadAt(b, off)
	p := r.passes
	p.mu.Lock()
	defer p.mu.Unlock()
	p.most = max(p.most, off+int64(n))
	p.show(min((float64(p.pass)+float64(p.most)/float64(max(r.size, 1)))/float64(p.all), 1))
	return n, err
}
