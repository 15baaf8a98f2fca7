package param

import (
	"fmt"

	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/serde"
)

// Prefix begins the names of the topics of parameters. The participant's id follows.
const Prefix = "$param/"

// servicePrefix begins the names of the services that set parameters.
const servicePrefix = "param/"

const (
	// MaxParameters is the number of parameters of a server.
	MaxParameters = 1024
	// MaxSize is the size in bytes of a parameter with its name and description, encoded.
	MaxSize = 1 << 20
)

// wireValue is an encoded Value. One of the fields after Kind is set.
type wireValue struct {
	Kind     Kind
	Bool     bool      `msgpack:",omitempty"`
	Int64    int64     `msgpack:",omitempty"`
	Float64  float64   `msgpack:",omitempty"`
	String   string    `msgpack:",omitempty"`
	Bytes    []byte    `msgpack:",omitempty"`
	Bools    []bool    `msgpack:",omitempty"`
	Int64s   []int64   `msgpack:",omitempty"`
	Float64s []float64 `msgpack:",omitempty"`
	Strings  []string  `msgpack:",omitempty"`
}

func toWire(v Value) (w wireValue) {
	w.Kind = v.Kind()
	switch v := v.v.(type) {
	case bool:
		w.Bool = v
	case int64:
		w.Int64 = v
	case float64:
		w.Float64 = v
	case string:
		w.String = v
	case []byte:
		w.Bytes = v
	case []bool:
		w.Bools = v
	case []int64:
		w.Int64s = v
	case []float64:
		w.Float64s = v
	case []string:
		w.Strings = v
	}
	return w
}

// fromWire returns the value that another process has sent.
func fromWire(w wireValue) (Value, error) {
	switch w.Kind {
	case Bool:
		return Value{w.Bool}, nil
	case Int64:
		return Value{w.Int64}, nil
	case Float64:
		return Value{w.Float64}, nil
	case String:
		return Value{w.String}, nil
	case Bytes:
		return Value{w.Bytes}, nil
	case Bools:
		return Value{w.Bools}, nil
	case Int64s:
		return Value{w.Int64s}, nil
	case Float64s:
		return Value{w.Float64s}, nil
	case Strings:
		return Value{w.Strings}, nil
	}
	return Value{}, fmt.Errorf("%w: there is no %v", ErrType, w.Kind)
}

// An announcement is what a server publishes of a parameter.
type announcement struct {
	Name        string
	Description string `msgpack:",omitempty"`
	ReadOnly    bool   `msgpack:",omitempty"`
	Revision    uint64
	Value       wireValue
}

// A setting asks a server to set a parameter. The response is the revision of the parameter with the value.
type setting struct {
	Name  string
	Value wireValue
}

func announcementCodec() serde.Codec[announcement] { return serde.MsgPack[announcement]() }

// checkName returns a *topic.NameError if name is not the name of a parameter, which has the rules of topic names.
func checkName(name string) error {
	err := registry.CheckTopic(name)
	if e, ok := err.(*registry.NameError); ok {
		e.What = "parameter name"
	}
	return err
}
