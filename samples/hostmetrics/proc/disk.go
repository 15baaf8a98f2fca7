package proc

import (
	"bytes"
	"fmt"
)

// Disk is the work of one block device since boot.
type Disk struct {
	Name                      string
	Reads, Writes             uint64
	ReadSectors, WriteSectors uint64 // of 512 bytes, whatever the device's own size is
	Busy                      uint64 // milliseconds with at least one request
}

// ReadBytes is how much was read.
func (d Disk) ReadBytes() uint64 { return d.ReadSectors * 512 }

// WrittenBytes is how much was written.
func (d Disk) WrittenBytes() uint64 { return d.WriteSectors * 512 }

// Disks reads /proc/diskstats.
func (r Root) Disks() ([]Disk, error) { return read(r, "proc/diskstats", ParseDisks) }

// ParseDisks parses the text of /proc/diskstats. Devices that were never used, such as free loop devices, are left out.
func ParseDisks(text []byte) ([]Disk, error) {
	var disks []Disk
	for line := range bytes.Lines(text) {
		fields := bytes.Fields(line)
		if len(fields) == 0 {
			continue
		}
		if len(fields) < 3+10 {
			return nil, fmt.Errorf("%w: %d fields, at least 13 expected", ErrFormat, len(fields))
		}
		d := Disk{Name: name(fields[2])}
		var merged, ms, inFlight uint64
		err := numbers(fields[3:], 10, &d.Reads, &merged, &d.ReadSectors, &ms, &d.Writes, &merged, &d.WriteSectors, &ms, &inFlight, &d.Busy)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", d.Name, err)
		}
		if d.Name != "" && d.Reads+d.Writes > 0 && len(disks) < maxDevices {
			disks = append(disks, d)
		}
	}
	return disks, nil
}
