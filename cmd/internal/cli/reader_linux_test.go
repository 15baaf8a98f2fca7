package cli

import (
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// The runtime sends its threads signals, which end any select(2).
func TestASignalDoesNotEndTheWaitForReadersToLeave(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	thread, gone := make(chan int), make(chan bool, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		thread <- syscall.Gettid()
		gone <- left(w, time.Minute)
	}()
	waits := <-thread
	for range 20 {
		if _, _, errno := syscall.Syscall(syscall.SYS_TGKILL, uintptr(os.Getpid()), uintptr(waits), uintptr(syscall.SIGURG)); errno != 0 {
			t.Fatal(errno)
		}
		time.Sleep(time.Millisecond)
	}
	r.Close()
	if !<-gone {
		t.Error("a reader that left was not noticed")
	}
}
