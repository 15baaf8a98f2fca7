// Package control lets other programs of the same user steer a recorder or a player while it runs.
//
// A Server listens on a unix socket in the directory of the domain, whose name begins with the id of its participant. A Client
// sends requests and gets one answer for each. Both are lines of JSON:
//
//	{"command":"step","arguments":["2","camera"]}
//	{"result":{"state":"paused"}}
//	{"error":"step 0: the number of messages must be at least 1"}
//
// Every server has the command "describe", whose result is a Description. The socket is open for its user and root only. A
// server bounds the length of a request, the number of its clients and the time that it waits for each of them; a client
// bounds the length of an answer and, by its context, the time.
package control

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/shmbus/shmbus/registry"
)

// describe is the command that every server has.
const describe = "describe"

// Limits in bytes, each for one line without its end.
const (
	maxRequest = 64 << 10
	maxAnswer  = 1 << 20
)

type request struct {
	Command   string   `json:"command"`
	Arguments []string `json:"arguments,omitempty"`
}

type answer struct {
	Result json.RawMessage `json:"result,omitempty"`
	Error  string          `json:"error,omitempty"`
}

// A Description says what a server is and which commands it has.
type Description struct {
	Kind     string               `json:"kind"` // "recorder" or "player"
	PID      int                  `json:"pid"`
	Path     string               `json:"path"` // of the recording
	Commands []CommandDescription `json:"commands"`
}

// A CommandDescription is a Command without its function.
type CommandDescription struct {
	Name      string `json:"name"`
	Arguments string `json:"arguments,omitempty"` // for people, such as "[N] [TOPIC]"
	About     string `json:"about,omitempty"`     // one sentence
}

// marker is the part of the name of a socket between the id of the participant and a number.
const marker = "." + registry.SuffixControl

func socketPath(dir string, id registry.ID, n int) string {
	return filepath.Join(dir, fmt.Sprintf("%s%s%d", id, marker, n))
}

// ownerOf returns the participant in the name of a socket. Other names have none.
func ownerOf(name string) (registry.ID, bool) {
	id, suffix, ok := registry.ParseFileName(name)
	return id, ok && strings.HasPrefix(suffix, registry.SuffixControl)
}
