package process

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// CredentialsOf asks the kernel for the credentials of the process with that pid and start time. It fails when there is no such process
// visible here. Every user may ask.
func CredentialsOf(pid int, startTime uint64) (Credentials, error) {
	if err := isRunning(pid, startTime); err != nil {
		return Credentials{}, err
	}
	c, err := credentials(pid)
	if err != nil {
		return Credentials{}, err
	}
	return c, isRunning(pid, startTime) // the pid may have gone to another before the file was read
}

// Credentials is CredentialsOf for the process that is watched.
func (e *Exit) Credentials() (Credentials, error) {
	c, err := credentials(e.pid)
	if err != nil {
		return Credentials{}, err
	}
	if over, err := e.ended(); err != nil || over { // while it has not, no other process has its pid
		return Credentials{}, errors.Join(fmt.Errorf("process %d has ended", e.pid), err)
	}
	return c, nil
}

func credentials(pid int) (Credentials, error) {
	var room [procRoom]byte
	status, err := readProc(pid, "status", room[:])
	if err != nil {
		return Credentials{}, fmt.Errorf("read the credentials of process %d: %w", pid, err)
	}
	c, err := parseStatus(status)
	if err != nil {
		return Credentials{}, fmt.Errorf("read the credentials of process %d: /proc/%d/status: %w", pid, pid, err)
	}
	return c, nil
}

func isRunning(pid int, startTime uint64) error {
	if got, err := StartTime(pid); err != nil {
		return err
	} else if got != startTime {
		return fmt.Errorf("process %d is not the one that started at tick %d", pid, startTime)
	}
	return nil
}

// parseStatus finds the user that files of the process belong to, and the groups it was given: not the effective one, which
// a setgid program has for every user that starts it.
func parseStatus(status []byte) (c Credentials, err error) {
	found := 0
	for line := range bytes.Lines(status) {
		before, rest, _ := bytes.Cut(line, []byte(":"))
		name := string(before)
		switch name {
		case "Uid", "Gid", "Groups":
		default:
			continue
		}
		numbers := strings.Fields(string(rest))
		switch name {
		case "Uid", "Gid": // real, effective, saved, of files
			if len(numbers) < 4 {
				return c, fmt.Errorf("%d ids in %q", len(numbers), line)
			}
			if name == "Gid" {
				numbers = numbers[:1]
			} else {
				numbers = numbers[3:4]
			}
		}
		found++
		for _, text := range numbers {
			n, err := strconv.Atoi(text)
			switch {
			case err != nil:
				return c, err
			case name == "Uid":
				c.UID = n
			default:
				c.Groups = append(c.Groups, n)
			}
		}
	}
	if found != 3 {
		return c, fmt.Errorf("%d of 3 lines of ids", found)
	}
	slices.Sort(c.Groups)
	c.Groups = slices.Compact(c.Groups)
	return c, nil
}

// MappedFiles returns those of the files that a process has mapped. It reads the process's mappings once, whose number the kernel limits.
// Only who may trace the process is told: root, and mostly the same user.
func MappedFiles(pid int, startTime uint64, files []FileID) (map[FileID]bool, error) {
	if err := isRunning(pid, startTime); err != nil {
		return nil, err
	}
	maps, err := readProc(pid, "maps", nil)
	if err != nil {
		return nil, fmt.Errorf("read the mappings of process %d: %w", pid, err)
	}
	wanted := make(map[string]FileID, len(files))
	for _, f := range files {
		wanted[fmt.Sprintf("%02x:%02x %d", unix.Major(f.Dev), unix.Minor(f.Dev), f.Ino)] = f
	}
	mapped := make(map[FileID]bool)
	for line := range bytes.Lines(maps) {
		if file, ok := wanted[string(mappedFile(line))]; ok {
			mapped[file] = true
		}
	}
	return mapped, isRunning(pid, startTime)
}

// mappedFile returns device and inode of a line of mappings: address, permissions, offset, device, inode, path.
func mappedFile(line []byte) []byte {
	for range 3 {
		_, line, _ = bytes.Cut(line, []byte(" "))
	}
	device, rest, _ := bytes.Cut(line, []byte(" "))
	inode, _, _ := bytes.Cut(rest, []byte(" "))
	return line[:min(len(device)+1+len(inode), len(line))]
}
