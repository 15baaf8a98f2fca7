package service

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/serde"
)

// A Description is what a server announces of itself.
type Description struct {
	Name        string
	Key         uint64     // chosen at random by the server; its topics have it in their names
	Request     serde.Type // of the values
	Response    serde.Type
	Stream      bool       // any number of responses follow a request
	Group       bool       // other servers may have the same name
	Serving     bool       // the server has the name; before that it finds out whether another one has
	Concurrency int        // handlers that run at once
	MaxCalls    int        // open calls of one client
	Goals       GoalLimits `json:",omitzero"`
}

// GoalLimits are those of a server of goals, whose calls are streams that wait for goals. They are zero if it serves none.
type GoalLimits struct {
	Concurrency int // goals that run at once
	MaxGoals    int // goals of all clients that are accepted or running
}

// A ServerInfo describes a server and its process.
type ServerInfo struct {
	Description
	Server registry.Participant // UID, GID and PIDCheck come from the kernel
}

// limits of the announcement of a server, which another process wrote.
const (
	minPayload     = HeaderSize + 4 // of messages: header and length of the text of an error
	maxDescription = 16 << 20       // bytes; types may have large schemas
	maxMaxCalls    = 480            // calls that one client may have open; each has at most window responses waiting
	defMaxCalls    = 16
	defSendTimeout = 10 * time.Second
)

// checkLimits checks options of servers and clients when these are made, not when they first connect. 0 stands for the default.
func checkLimits(maxPayload int, memory int64) error {
	switch {
	case maxPayload != 0 && maxPayload < minPayload:
		return fmt.Errorf("MaxPayload is %d bytes, must be at least %d, which an error without a text takes", maxPayload, minPayload)
	case memory < 0:
		return fmt.Errorf("MemoryLimit is %d bytes, must be positive", memory)
	}
	return nil
}

func (d Description) encode() ([]byte, error) {
	b, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("describe the server of %q: %w", d.Name, err)
	}
	if len(b) > maxDescription {
		return nil, fmt.Errorf("describe the server of %q: the schemas make it %d bytes long, more than %d", d.Name, len(b), maxDescription)
	}
	return b, nil
}

func parseAnnouncement(b []byte, name string) (d Description, err error) {
	if err := json.Unmarshal(b, &d); err != nil {
		return d, fmt.Errorf("read the description of a server of %q: %w", name, err)
	}
	if d.Name != name || d.MaxCalls < 1 || d.MaxCalls > maxMaxCalls || d.Concurrency < 1 {
		return d, fmt.Errorf("read the description of a server of %q: its name is %q, MaxCalls %d, Concurrency %d", name, d.Name, d.MaxCalls, d.Concurrency)
	}
	return d, nil
}

// key returns the key of a server as it is in the names of topics.
func keyName(key uint64) string { return fmt.Sprintf("%016x", key) }

func descriptionCodec() serde.Codec[[]byte] {
	return serde.Opaque(serde.Type{Name: "service.Description", Encoding: serde.EncodingJSON})
}

func controlCodec() serde.Codec[[]byte] {
	return serde.Opaque(serde.Type{Name: "service.control", Encoding: "raw"})
}
