package process

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Self describes the calling process.
func Self() (Identity, error) {
	id := Identity{PID: os.Getpid(), Namespace: namespace()}
	// Not by number: /proc may be that of another pid namespace, where the number is another process's.
	var room [procRoom]byte
	fields, err := stat("self", room[:])
	if err == nil {
		id.StartTime, err = startIn(fields)
	}
	if err != nil {
		return Identity{}, fmt.Errorf("read the start time of this process: %w", err)
	}
	if id.BootID, err = BootID(); err != nil {
		return Identity{}, err
	}
	if id.Executable, err = os.Executable(); err != nil {
		id.Executable = os.Args[0]
	}
	return id, nil
}

// BootID identifies the running boot of this machine.
func BootID() (id [16]byte, err error) {
	const path = "/proc/sys/kernel/random/boot_id"
	text, err := os.ReadFile(path)
	if err != nil {
		return id, fmt.Errorf("read the boot id: %w", err)
	}
	raw, err := hex.DecodeString(strings.ReplaceAll(strings.TrimSpace(string(text)), "-", ""))
	if err != nil || len(raw) != len(id) {
		return id, fmt.Errorf("read the boot id: %s holds %q", path, text)
	}
	copy(id[:], raw)
	return id, nil
}

// StartTime returns when a process began, in clock ticks after boot.
func StartTime(pid int) (uint64, error) {
	var room [procRoom]byte
	fields, err := stat(strconv.Itoa(pid), room[:])
	if err != nil {
		return 0, fmt.Errorf("read the start time of process %d: %w", pid, err)
	}
	return startIn(fields)
}

// StateOf asks what the process with that pid and start time is doing. It never waits, whatever state that process is in.
func StateOf(pid int, startTime uint64) State {
	var room [procRoom]byte
	fields, err := stat(strconv.Itoa(pid), room[:])
	if err != nil {
		return Unseen
	}
	if got, err := startIn(fields); err != nil || got != startTime {
		return Unseen // the pid is another's
	}
	switch string(fields[0]) {
	case "T", "t":
		return Stopped
	case "Z", "X", "x":
		return Ended
	}
	return Running
}

// fieldsAfterName is how many fields of /proc/PID/stat follow the name up to the start time.
const fieldsAfterName = 22 - 2

// stat returns what /proc/PID/stat has after the second field, which is the name in parentheses and may itself hold spaces and
// parentheses. The fields may be in room.
func stat(pid string, room []byte) ([][]byte, error) {
	text, err := readProcOf(pid, "stat", room)
	if err != nil {
		return nil, err
	}
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	if len(fields) < fieldsAfterName {
		return nil, fmt.Errorf("/proc/%s/stat is too short", pid)
	}
	return fields, nil
}

func startIn(fields [][]byte) (uint64, error) {
	return strconv.ParseUint(string(fields[fieldsAfterName-1]), 10, 64)
}

// namespace returns the inode of this process's pid namespace, which no other has while this one lives.
func namespace() uint64 {
	var st unix.Stat_t
	if err := unix.Stat("/proc/self/ns/pid", &st); err != nil {
		return 0
	}
	return st.Ino
}
