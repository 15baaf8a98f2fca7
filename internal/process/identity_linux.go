package process

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Self describes the calling process.
func Self() (Identity, error) {
	id := Identity{PID: os.Getpid()}
	var err error
	if id.StartTime, err = StartTime(id.PID); err != nil {
		return Identity{}, err
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
	path := fmt.Sprintf("/proc/%d/stat", pid)
	stat, err := os.ReadFile(path)
	if err != nil {
		return 0, fmt.Errorf("read the start time of process %d: %w", pid, err)
	}
	// The second field is the name in parentheses, which may itself hold spaces and parentheses.
	const fieldsAfterName = 22 - 2
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < fieldsAfterName {
		return 0, fmt.Errorf("read the start time of process %d: %s is too short", pid, path)
	}
	return strconv.ParseUint(string(fields[fieldsAfterName-1]), 10, 64)
}
