package mcapfile

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// A stalledDisk takes nothing more than the beginning of a file until it is released.
type stalledDisk struct {
	sharedBuffer
	release chan struct{}
}

func (d *stalledDisk) Write(b []byte) (int, error) {
	if len(b) > 100 {
		<-d.release
	}
	return d.sharedBuffer.Write(b)
}

// The age of a chunk ends also after a chunk was dropped because it was old while the queue was full.
func TestWriter_ChunkAgeHoldsAfterADrop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := &stalledDisk{release: make(chan struct{})}
		w, err := NewWriter(disk, &WriterOptions{ChunkSize: 1000, Queue: 20_000, Overflow: DropNewest, Compression: Uncompressed})
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		ch, _ := w.AddChannel(Channel{Topic: "a"})
		write := func(text string) {
			t.Helper()
			if err := w.Write(&Message{Channel: ch, Data: []byte(text)}); err != nil {
				t.Fatal(err)
			}
		}
		for byAge := uint64(0); byAge == 0; {
			write("while the disk stalls")
			before := w.Counts()[0].Dropped
			time.Sleep(time.Second)
			synctest.Wait()
			byAge = w.Counts()[0].Dropped - before
		}
		close(disk.release)
		synctest.Wait()
		write("after the stall")
		time.Sleep(time.Second)
		synctest.Wait()
		lines, _ := readAllOf(t, disk.content(), nil)
		if !slices.ContainsFunc(lines, func(l line) bool { return l.Data == "after the stall" }) {
			t.Error("a second later the message is in no file")
		}
	})
}
