package main

import (
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// The topics.
const (
	topicRequested = "dev.pingpong.requested"
	topicSucceeded = "dev.pingpong.succeeded"
	topicFailed    = "dev.pingpong.failed"
)

// The words of answers.
const (
	ping        = "ping"
	pong        = "pong"
	notAnEvent  = "Error in the format of the Kafka event"
	anotherWord = "Error the message doesn't contain 'ping'"
)

// maxID is how many characters a transaction ID may have. It keeps every answer
// far below what a broker accepts, however large the request was.
const maxID = 256

// verdict is what a request turned out to be; a metric's label.
type verdict string

const (
	verdictPing      verdict = "ping"
	verdictOther     verdict = "other_message"
	verdictMalformed verdict = "malformed"
)

// verdicts returns all there are.
func verdicts() []verdict { return []verdict{verdictPing, verdictOther, verdictMalformed} }

// answer is what goes to which topic.
type answer struct {
	topic   string
	value   []byte
	verdict verdict
}

// message is the payload of every document.
type message struct {
	Message string `json:"message"`
}

// document is a request, and an answer to a well-formed one.
type document struct {
	ID      string  `json:"transaction-id"`
	Payload message `json:"payload"`
}

// request is a document as it may arrive: what is missing is nil.
type request struct {
	ID      *string `json:"transaction-id"`
	Payload *struct {
		Message *string `json:"message"`
	} `json:"payload"`
}

// answerTo decides over the value of one request; event.schema.json says the
// same. It has an answer to everything.
func answerTo(value []byte) answer {
	var r request
	if err := json.Unmarshal(value, &r); err != nil || !r.complete() {
		return answer{topicFailed, encoded(message{notAnEvent}), verdictMalformed}
	}
	if *r.Payload.Message != ping {
		return answer{topicFailed, encoded(document{*r.ID, message{anotherWord}}), verdictOther}
	}
	return answer{topicSucceeded, encoded(document{*r.ID, message{pong}}), verdictPing}
}

func (r *request) complete() bool {
	return r.ID != nil && *r.ID != "" && utf8.RuneCountInString(*r.ID) <= maxID && r.Payload != nil && r.Payload.Message != nil
}

// encoded writes a document as event.schema.json shows it, with a space after
// colons and commas.
func encoded(v any) []byte {
	text, err := json.Marshal(v, jsontext.SpaceAfterColon(true), jsontext.SpaceAfterComma(true))
	if err != nil {
		return []byte(`{"message": "` + notAnEvent + `"}`) // strings out of a parsed document are always valid
	}
	return text
}
