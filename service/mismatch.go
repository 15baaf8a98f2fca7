package service

import (
	"fmt"
	"os"
	"strings"

	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/topic"
)

// A mismatchError says that the types of a client and a server differ, as a client finds. It wraps the error of topics.
type mismatchError struct {
	service, messages string
	client, server    registry.TypeRef
	err               *topic.TypeMismatchError
}

func (e *mismatchError) Error() string {
	difference := ""
	if e.err.Difference != "" {
		difference = "; they differ: " + e.err.Difference
	}
	return fmt.Sprintf("call %q: %s: this client, pid %d, has %s, the server %s, pid %d, %s, has %s%s; give both sides the same types and codecs",
		e.service, e.messages, e.client.PID, values(e.client), e.server.Unit, e.server.PID, e.server.Executable, values(e.server), difference)
}

func (e *mismatchError) Unwrap() error { return e.err }

// Messages whose types are compared.
const (
	requests  = "requests"
	responses = "responses"
)

// GoalEncoding begins the encodings of requests and responses of a server of goals.
const GoalEncoding = "goal+"

// GoalUpdate is the encoding of the responses of a server of goals.
const GoalUpdate = GoalEncoding + "update"

// values names what the messages of a type contain.
func values(t registry.TypeRef) string {
	if t.Encoding == GoalUpdate {
		return "feedback and results of goals"
	}
	name := t.TypeName
	if name == "" {
		name = "values of any type name"
	}
	encoding, goals := strings.CutPrefix(t.Encoding, GoalEncoding)
	if goals {
		name = "goals of " + name
	}
	s := fmt.Sprintf("%s in encoding %q", name, encoding)
	if t.SchemaHash != "" {
		s += " with schema " + t.SchemaHash
	}
	return s
}

// checkTypes compares the types of client and server, as they are compared for topics.
func (c *Client[Req, Resp]) checkTypes(info ServerInfo) error {
	here := registry.EndpointID{Participant: c.p.ID()}
	there := registry.EndpointID{Participant: info.Server.ID}
	request := endpointOf(c.name, here, TypeOfValues(c.requests.Type()))
	served := endpointOf(c.name, there, info.Request)
	served.ChecksSchema = true // the server checks schemas when it connects
	if err := registry.Match(request, served); err != nil {
		return mismatch(err, requests, info.Server)
	}
	response := endpointOf(c.name, here, TypeOfValues(c.responses.Type()))
	answered := endpointOf(c.name, there, info.Response)
	check, checks := c.responses.(serde.TypeChecker)
	response.ChecksSchema = checks
	err := registry.Match(answered, response)
	if err == nil && checks && string(info.Response.Schema) != string(response.Schema) && len(info.Response.Schema)*len(response.Schema) != 0 {
		if differ := check.CheckType(typeOfMessages(info.Response)); differ != nil {
			err = registry.Mismatch(answered, response, differ.Error())
		}
	}
	if err != nil {
		return mismatch(err, responses, info.Server)
	}
	return nil
}

// mismatch returns the error of a client for that of registry.Match, with the processes of both sides.
func mismatch(err error, messages string, server registry.Participant) error {
	differ, ok := err.(*topic.TypeMismatchError)
	if !ok {
		return err
	}
	client, there := &differ.Publisher, &differ.Subscription
	if messages == responses {
		client, there = there, client
	}
	client.PID = os.Getpid()
	client.Executable, _ = os.Executable() // empty where it is not known
	there.Unit, there.PID, there.Executable = server.Unit, server.PID, server.Executable
	return &mismatchError{differ.Topic, messages, *client, *there, differ}
}

// differingSchemas tells of schemas of requests that only the server compares, and refuses by not connecting; else it returns "".
func (c *Client[Req, Resp]) differingSchemas(info ServerInfo) string {
	here, there := TypeOfValues(c.requests.Type()), info.Request
	if len(here.Schema)*len(there.Schema) == 0 || string(here.Schema) == string(there.Schema) {
		return ""
	}
	differ := registry.Mismatch(endpointOf(c.name, registry.EndpointID{}, here), endpointOf(c.name, registry.EndpointID{}, there), "")
	return fmt.Sprintf("its codec refuses the requests of this client, %s, where it has %s, ", values(differ.Publisher), values(differ.Subscription))
}

func endpointOf(name string, id registry.EndpointID, t serde.Type) registry.Endpoint {
	return registry.Endpoint{ID: id, Topic: name, TypeName: t.Name, Encoding: t.Encoding, SchemaEncoding: t.SchemaEncoding, Schema: t.Schema}
}
