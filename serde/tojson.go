package serde

import "encoding/json"

// ToJSON x
func ToJSON(t Type, payload []byte) (json.RawMessage, error) { return nil, ErrUndecodable }

// FromJSON x
func FromJSON(encoding string, js []byte) ([]byte, error) { return nil, ErrUndecodable }
