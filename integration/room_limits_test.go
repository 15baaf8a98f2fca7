//go:build linux

package integration

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/shmbus/shmbus/internal/shm"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/shmtransport"
)

const mib = 1 << 20

func TestWithoutDescriptorsEveryCallSaysSoAndThePeersAreNotBlamed(t *testing.T) {
	dir := newDomain(t)
	poor, pub := tryAll(t, dir), tryAll(t, dir)
	poor.must("sub s t")
	poor.must("pub p u")
	pub.must("pub p t")
	pub.must("peers p 1")
	pub.must("send p 1 50")
	poor.must("take s 1")
	poor.must("nofiles")
	victim, newcomer := tryAll(t, dir), tryAll(t, dir)
	newcomer.must("sub s u")
	newcomer.must("pub n t")
	was := entries(t, dir)
	for range 5 {
		poor.lacks("files", "pub q q")
		poor.lacks("files", "latch q q")
		poor.lacks("files", "record %s", filepath.Join(t.TempDir(), "a.mcap"))
	}
	if n := entries(t, dir); n != was {
		t.Errorf("%d files, before it were %d", n, was)
	}
	stranger := start(t, dir, "attempt")
	stranger.must("nofiles")
	stranger.lacks("files", "join")
	stranger.finish()
	// What is connected goes on.
	pub.must("send p 300 5000")
	poor.must("take s 300")
	poor.must("send p 3 5000")
	victim.kill()
	for _, c := range []*child{pub, newcomer} {
		c.must("heard died 1")
	}
	poor.must("files 500")
	poor.must("heard died 0")
	poor.must("peers s 2")
	poor.must("peers p 1")
	newcomer.must("send n 1 50")
	poor.must("take s 1")
	poor.must("heard joined 3") // itself, the two
	if a := poor.must("heard unusable 0"); a.Received != 0 {
		t.Errorf("%d peers were called unusable", a.Received)
	}
	for _, c := range []*child{poor, pub, newcomer} {
		c.finish()
	}
}

// leanBinary is this test binary without C and the race detector, whose threads take address space as they like.
func leanBinary(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "lean")
	build(t, path, ".")
	return path
}

func TestWithoutAddressSpace(t *testing.T) {
	lean := leanBinary(t)
	t.Run("every call says so and leaves nothing", func(t *testing.T) { noAddressSpace(t, lean) })
	t.Run("a reader is late and blames nobody", func(t *testing.T) { lateForAddressSpace(t, lean) })
}

func noAddressSpace(t *testing.T, lean string) {
	dir := newSmallDomain(t, "1g") // where nobody else takes or gives
	poor, other, stranger := launch(t, exec.Command(lean), dir, "attempt"), tryAll(t, dir), launch(t, exec.Command(lean), dir, "attempt")
	poor.must("join")
	poor.must("pub p t")
	other.must("sub s t")
	poor.must("send p 20 1000")
	other.must("take s 20")
	poor.must("prepare %d", 20*mib)
	poor.must("figures")
	poor.must("maps %d", 6*mib)
	stranger.must("maps %d", 6*mib)
	was := poor.belongings(dir)
	for range 5 {
		poor.lacks("memory", "send p 1 %d", 20*mib)
		poor.lacks("memory", "parts p %d", 20*mib)
		poor.lacks("memory", "lend p %d", 20*mib)
		poor.lacks("memory", "batch p 2 %d", 20*mib)
		poor.lacks("memory", "pub q q %d", 20*mib)
		poor.lacks("memory", "sub q q") // 16 MiB of address space, of which little has memory
		stranger.lacks("memory", "join")
	}
	if is := poor.belongings(dir); is != was {
		t.Errorf("before: %s\nafter:  %s", was, is)
	}
	poor.must("send p 20 1000")
	other.must("take s 20")
	// One that may map a little makes do with fewer slots.
	poor.must("pub little t2")
	poor.must("maps %d", 12*mib)
	poor.must("send little 30 %d", 3*mib)
	poor.must("maps -1")
	stranger.must("maps -1")
	poor.must("send p 1 %d", 20*mib)
	poor.must("sub q q")
	other.must("take s 1")
	stranger.must("join")
	for _, c := range []*child{poor, other, stranger} {
		c.finish()
	}
}

func lateForAddressSpace(t *testing.T, lean string) {
	const large = 20 * mib
	dir := newDomain(t)
	poor, pub := launch(t, exec.Command(lean), dir, "attempt"), tryAll(t, dir)
	poor.must("join")
	poor.must("sub s large")
	poor.must("sub few small")
	pub.must("pub l large")
	pub.must("pub s small")
	poor.must("figures")
	poor.must("maps %d", 6*mib)
	pub.must("send l 2 %d", large)
	pub.must("send s 20 60")
	poor.must("none s")
	poor.must("heard unusable:large 1")
	poor.must("take few 20")
	late := tryAll(t, dir)
	late.must("deep p small 4096") // 0.6 MiB; connected later or now, as there is room
	pub.must("send l 20 %d", large)
	poor.must("none s")
	poor.must("none s")
	poor.must("maps -1")
	// 22 were published, of which the ring has 16: the others were lost to one that was late, and counted.
	if a := poor.must("take s 22"); a.Received+a.Lost != 22 || a.Received == 0 || a.Lost < 6 {
		t.Errorf("of 22 it received %d and lost %d", a.Received, a.Lost)
	}
	pub.must("send l 3 %d", large)
	if a := poor.must("take s 3"); a.Lost != 0 {
		t.Errorf("with room again it lost %d", a.Lost)
	}
	if a := poor.must("heard unusable 0"); a.Received != 1 {
		t.Errorf("it heard of %d unusable publishers", a.Received)
	}
	for _, c := range []*child{poor, pub, late} {
		c.finish()
	}
}

func TestTooManyParticipantsAreRefusedUntilOneLeaves(t *testing.T) {
	dir := newDomain(t)
	one := tryAll(t, dir)
	one.must("pub p t")
	var crowd []*forged
	for range registry.MaxParticipants - 1 {
		crowd = append(crowd, forge(t, dir, os.Getpid(), nil))
	}
	stranger := start(t, dir, "attempt")
	for range 3 {
		stranger.lacks("places", "join")
	}
	if n := entries(t, dir); n != registry.MaxParticipants+3 { // the registry, a publisher and its wake file
		t.Errorf("%d files", n)
	}
	one.must("send p 3 50")
	one.must("sub s t")
	one.must("send p 3 50")
	one.must("take s 3")
	crowd[0].end()
	stranger.must("join")
	stranger.must("sub s t")
	one.must("peers p 2")
	one.must("send p 3 50")
	stranger.must("take s 3")
	for _, f := range crowd {
		f.end()
	}
	stranger.finish()
	one.finish()
}

func TestPlacesOfReadersThatWereKilledAreFreeAgain(t *testing.T) {
	dir := newDomain(t)
	pub, many, more, one := tryAll(t, dir), tryAll(t, dir), tryAll(t, dir), tryAll(t, dir)
	pub.must("pub p t")
	for i := range shmtransport.MaxReaders / 2 {
		many.must("sub s%d t", i)
		more.must("sub s%d t", i)
	}
	for range 3 {
		one.lacks("places", "sub s t")
	}
	pub.must("send p 3 500")
	many.must("take s0 3")
	more.must("take s%d 3", shmtransport.MaxReaders/2-1)
	many.kill()
	pub.must("heard died 1")
	one.must("sub s t")
	pub.must("send p 3 500")
	if a := one.must("take s 3"); a.Lost != 0 {
		t.Errorf("it lost %d", a.Lost)
	}
	more.must("take s0 6")
	for _, c := range []*child{pub, more, one} {
		c.finish()
	}
}

// forged is a participant's file without a participant: the test holds its lock as long as it is to live.
type forged struct {
	path string
	file *os.File
}

// forge makes the file of a participant with a pid, and the file's header as alter leaves it; its checksum is made right.
func forge(t testing.TB, dir string, pid int, alter func(header []byte)) *forged {
	t.Helper()
	const offPID, offID, offExec, offUnit, offCRC, offState, offText, size = 12, 16, 56, 58, 60, 72, 128, 4096
	b := make([]byte, size)
	self, err := filepath.Glob(filepath.Join(dir, "d", "*.participant"))
	if err != nil || len(self) == 0 {
		t.Fatalf("there is nobody to imitate: %v", err)
	}
	model, err := os.Open(self[0])
	if err != nil {
		t.Fatal(err)
	}
	defer model.Close()
	if _, err := model.ReadAt(b, 0); err != nil {
		t.Fatal(err)
	}
	clear(b[64:offText]) // no entities
	id := rand.Uint64() | 1
	binary.NativeEndian.PutUint32(b[offState:], 1)
	binary.NativeEndian.PutUint32(b[offPID:], uint32(pid))
	binary.NativeEndian.PutUint64(b[offID:], id)
	if alter != nil {
		alter(b)
	}
	texts := int(binary.NativeEndian.Uint16(b[offExec:])) + int(binary.NativeEndian.Uint16(b[offUnit:]))
	table := crc32.MakeTable(crc32.Castagnoli)
	binary.NativeEndian.PutUint32(b[offCRC:], crc32.Update(crc32.Checksum(b[:offCRC], table), table, b[offText:offText+texts]))
	f := &forged{path: filepath.Join(dir, "d", fmt.Sprintf("%016x.participant", id))}
	// Under a name that is nobody's until it is locked.
	if f.file, err = os.OpenFile(f.path+".new", os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.end)
	if _, err := f.file.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := shm.Lock(f.file); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(f.path+".new", f.path); err != nil {
		t.Fatal(err)
	}
	return f
}

// end drops the lock, as the kernel does when a process ends, and leaves the file.
func (f *forged) end() { f.file.Close() }
