package registry

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/shmbus/shmbus/internal/errdefs"
	"github.com/shmbus/shmbus/internal/failpoint"
	"github.com/shmbus/shmbus/internal/mem"
	"github.com/shmbus/shmbus/internal/shm"
	"github.com/shmbus/shmbus/internal/sigbus"
)

// A bell is the mapped registry file of a domain, with its bells and hints. The file has no owner: any participant may remove,
// replace or truncate it at any time and write anything into it. That costs speed and nothing else.
type bell struct {
	dir, path string
	mode      fs.FileMode
	log       *slog.Logger
	readOnly  bool // the file is mapped read-only, and its bells are not rung

	mu            sync.Mutex // guards the rest; only the goroutine that waits on the bells changes it
	file          *shm.File
	mapping       *shm.Mapping
	nonce         []byte
	all           *atomic.Uint32 // nil: no file is mapped now
	publishers    *atomic.Uint32
	subscriptions *atomic.Uint32
	topics        []atomic.Uint32 // by key
	changes       []atomic.Uint32 // by place
	calls         []atomic.Uint32 // by place
	newcomers     []atomic.Uint64 // by place
}

// openBell opens the registry file of the domain, creating it with the given mode if there is none.
func openBell(dir string, mode fs.FileMode, log *slog.Logger) (*bell, error) {
	b := &bell{dir: dir, path: filepath.Join(dir, registryName), mode: mode, log: log}
	if err := b.open(); err != nil {
		return nil, err
	}
	return b, nil
}

// openBellReadOnly is openBell with read access only. Without a registry file there are no bells until another participant
// creates one.
func openBellReadOnly(dir string, log *slog.Logger) *bell {
	b := &bell{dir: dir, path: filepath.Join(dir, registryName), log: log, readOnly: true}
	_ = b.open() // check tries again
	return b
}

func (b *bell) open() error {
	const attempts = 8 // an attempt fails only when another process removes the file between two calls
	for range attempts {
		open := shm.OpenShared
		if b.readOnly {
			open = shm.Open
		}
		f, err := open(b.path)
		if errors.Is(err, fs.ErrNotExist) && !b.readOnly {
			f, err = b.create()
			if errors.Is(err, fs.ErrExist) {
				continue
			}
		}
		if err != nil {
			if info, serr := os.Lstat(b.path); serr == nil && !info.Mode().IsRegular() {
				err = nameConflict(b.path, "remove", err)
			}
			return fmt.Errorf("open the registry of the domain: %w", err)
		}
		if err := b.use(f); err != nil {
			f.Close()
			return err
		}
		return nil
	}
	return fmt.Errorf("open the registry of the domain: %s comes and goes", b.path)
}

func (b *bell) create() (_ *shm.File, err error) {
	f, err := shm.Create(b.dir, registrySize, b.mode)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	if err := f.Reserve(0, registrySize); err != nil {
		return nil, err
	}
	failpoint.At("file.reserve")
	m, err := f.Map(0, registrySize, true)
	if err != nil {
		return nil, err
	}
	page := m.Bytes()
	copy(page[offMagic:], registryMagic)
	native.PutUint32(page[offVersion:], layoutVersion)
	rand.Read(page[offNonce : offNonce+nonceSize])
	if err := m.Unmap(); err != nil {
		return nil, err
	}
	if info, err := os.Stat(b.dir); err == nil && os.Geteuid() == 0 && ownerOf(info) > 0 {
		// Otherwise root would leave the owner of the domain a registry file that the owner may not write.
		if err := f.GiveTo(ownerOf(info)); err != nil {
			return nil, err
		}
	}
	if err := f.Publish(b.path); err != nil {
		return nil, err
	}
	failpoint.At("join.registry")
	return f, nil
}

func (b *bell) use(f *shm.File) error {
	nonce, err := readRegistryFile(f, b.path)
	if err != nil {
		return err
	}
	m, err := f.Map(0, registrySize, !b.readOnly)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	page := m.Bytes()
	b.file, b.mapping, b.nonce = f, m, nonce
	b.all = mem.Uint32(page, offBell)
	b.publishers, b.subscriptions = mem.Uint32(page, offPublishers), mem.Uint32(page, offSubscriptions)
	b.topics = mem.Uint32s(page, offTopics, topicBells)
	b.changes, b.calls = mem.Uint32s(page, offChanges, places), mem.Uint32s(page, offCalls, places)
	b.newcomers = mem.Uint64s(page, offNewcomers, places)
	return nil
}

func readRegistryFile(f *shm.File, path string) (nonce []byte, err error) {
	b := make([]byte, offNonce+nonceSize)
	n, err := f.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if n == len(b) { // before the size: another version may have another one
		if err := checkVersion(b, path, registryMagic); err != nil {
			return nil, err
		}
	}
	if size, err := f.Size(); err != nil {
		return nil, err
	} else if n < len(b) || size != registrySize {
		return nil, &errdefs.CorruptError{Path: path, What: fmt.Sprintf("it has %d bytes instead of %d", size, registrySize)}
	}
	return b[offNonce:], nil
}

func checkRegistryFile(path string) error {
	f, err := shm.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = readRegistryFile(f, path)
	return err
}

// check compares the mapped file with the one that has the name now, and maps that one if it is another. It reports false
// without a file. Only the goroutine that waits on the bells may call it.
func (b *bell) check() bool {
	f, err := shm.Open(b.path)
	if err == nil {
		var nonce []byte
		nonce, err = readRegistryFile(f, b.path)
		f.Close()
		if err == nil && b.all != nil && bytes.Equal(nonce, b.nonce) {
			return true
		}
	}
	if b.all != nil && errdefs.IsLocalShortage(err) {
		return true // descriptors or memory are short, which says nothing about the file
	}
	had := b.all != nil
	b.close()
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		err = b.open()
	}
	if err != nil && had {
		b.log.Warn("the domain has no bell; looking at short intervals instead", "err", err)
	}
	return err == nil
}

// access runs fn, which reads or writes the mapped file. A fault of fn, because the file was truncated, ends fn and has no other
// effect here; check finds the cause. fn may end at any access, so it takes no lock: it only loads words and adds to them.
func (b *bell) access(fn func()) {
	defer func(before sigbus.Mode) {
		before.Restore()
		if e := recover(); e != nil && (b.mapping == nil || !sigbus.In(e, b.mapping.Bytes())) {
			panic(e)
		}
	}(sigbus.Guard())
	fn()
}

func (b *bell) close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.file == nil {
		return nil
	}
	err := errors.Join(b.mapping.Unmap(), b.file.Close())
	b.file, b.mapping, b.nonce = nil, nil, nil
	b.all, b.publishers, b.subscriptions = nil, nil, nil
	b.topics, b.changes, b.calls, b.newcomers = nil, nil, nil, nil
	return err
}
