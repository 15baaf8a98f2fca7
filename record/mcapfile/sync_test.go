package mcapfile

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// A syncedBuffer is a file on a disk with a cache.
type syncedBuffer struct {
	sharedBuffer
	synced []byte // the content at the newest sync
	syncs  int
	err    error // of each sync
}

func (s *syncedBuffer) Sync() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.synced = append(s.synced[:0], s.b...)
	s.syncs++
	return s.err
}

func TestWriter_SyncsAlsoBeforeASilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := new(syncedBuffer)
		w, err := NewWriter(file, &WriterOptions{SyncInterval: 5 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		ch, _ := w.AddChannel(variety[0])
		write := func() {
			t.Helper()
			if err := w.Write(&Message{Channel: ch, Data: []byte("m")}); err != nil {
				t.Fatal(err)
			}
		}
		write()
		time.Sleep(3 * time.Second)
		write()
		for messages := 2; messages < 5; messages++ {
			time.Sleep(6 * time.Second)
			synctest.Wait()
			if lines, _ := readAllOf(t, file.synced, nil); len(lines) != messages {
				t.Fatalf("%d of %d messages are on the disk", len(lines), messages)
			}
			write()
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		before := file.syncs
		time.Sleep(time.Hour)
		synctest.Wait()
		if file.syncs != before {
			t.Errorf("%d syncs in an hour without a message", file.syncs-before)
		}
	})
}

func TestWriter_FailedSyncInASilenceIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := &syncedBuffer{err: errors.New("the disk is gone")}
		w, err := NewWriter(file, &WriterOptions{SyncInterval: 5 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		ch, _ := w.AddChannel(variety[0])
		if err := w.Write(&Message{Channel: ch, Data: []byte("m")}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if err := w.Err(); !errors.Is(err, file.err) {
			t.Errorf("got %v", err)
		}
	})
}
