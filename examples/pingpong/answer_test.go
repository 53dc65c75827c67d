package main

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

const malformed = `{"message": "Error in the format of the Kafka event"}`

// events are requests of every kind, with the topic and the value of the answer.
func events() map[string][3]string {
	mebibyte := strings.Repeat("x", 1<<20)
	return map[string][3]string{
		"ping":                       {`{"transaction-id": "20f7", "payload": {"message": "ping"}}`, topicSucceeded, `{"transaction-id": "20f7", "payload": {"message": "pong"}}`},
		"ping with more members":     {`{"v":1,"transaction-id":"a","payload":{"message":"ping","to":[]}}`, topicSucceeded, `{"transaction-id": "a", "payload": {"message": "pong"}}`},
		"an ID that wants escapes":   {`{"transaction-id":"a\"\u0000é<'","payload":{"message":"ping"}}`, topicSucceeded, `{"transaction-id": "a\"\u0000é<'", "payload": {"message": "pong"}}`},
		"another message":            {`{"transaction-id": "b", "payload": {"message": "pang"}}`, topicFailed, `{"transaction-id": "b", "payload": {"message": "Error the message doesn't contain 'ping'"}}`},
		"a message that holds ping":  {`{"transaction-id":"c","payload":{"message":"ping!"}}`, topicFailed, `{"transaction-id": "c", "payload": {"message": "Error the message doesn't contain 'ping'"}}`},
		"an empty message":           {`{"transaction-id":"d","payload":{"message":""}}`, topicFailed, `{"transaction-id": "d", "payload": {"message": "Error the message doesn't contain 'ping'"}}`},
		"a message of 1 MiB":         {`{"transaction-id":"e","payload":{"message":"` + mebibyte + `"}}`, topicFailed, `{"transaction-id": "e", "payload": {"message": "Error the message doesn't contain 'ping'"}}`},
		"an ID of 1 MiB":             {`{"transaction-id":"` + mebibyte + `","payload":{"message":"ping"}}`, topicFailed, malformed},
		"1 MiB of nothing":           {mebibyte, topicFailed, malformed},
		"nothing":                    {"", topicFailed, malformed},
		"spaces":                     {"  \n", topicFailed, malformed},
		"a broken document":          {`{"transaction-id": "a", "payload": {"message": "ping"}`, topicFailed, malformed},
		"two documents":              {`{"transaction-id":"a","payload":{"message":"ping"}} {}`, topicFailed, malformed},
		"no document":                {"ping", topicFailed, malformed},
		"bytes that are no text":     {"{\"transaction-id\":\"\xff\",\"payload\":{\"message\":\"ping\"}}", topicFailed, malformed},
		"null":                       {`null`, topicFailed, malformed},
		"a list":                     {`[]`, topicFailed, malformed},
		"an empty object":            {`{}`, topicFailed, malformed},
		"no ID":                      {`{"payload":{"message":"ping"}}`, topicFailed, malformed},
		"an empty ID":                {`{"transaction-id":"","payload":{"message":"ping"}}`, topicFailed, malformed},
		"an ID that is a number":     {`{"transaction-id":7,"payload":{"message":"ping"}}`, topicFailed, malformed},
		"an ID that is null":         {`{"transaction-id":null,"payload":{"message":"ping"}}`, topicFailed, malformed},
		"an ID in other letters":     {`{"Transaction-ID":"a","payload":{"message":"ping"}}`, topicFailed, malformed},
		"two IDs":                    {`{"transaction-id":"a","transaction-id":"b","payload":{"message":"ping"}}`, topicFailed, malformed},
		"no payload":                 {`{"transaction-id":"a"}`, topicFailed, malformed},
		"a payload that is a string": {`{"transaction-id":"a","payload":"ping"}`, topicFailed, malformed},
		"no message":                 {`{"transaction-id":"a","payload":{}}`, topicFailed, malformed},
		"a message that is true":     {`{"transaction-id":"a","payload":{"message":true}}`, topicFailed, malformed},
		"objects 5,000 deep":         {strings.Repeat(`{"payload":`, 5000) + "1" + strings.Repeat("}", 5000), topicFailed, malformed},
		"lists 20,000 deep":          {strings.Repeat("[", 20_000), topicFailed, malformed},
	}
}

func TestAnswers(t *testing.T) {
	for name, e := range events() {
		t.Run(name, func(t *testing.T) {
			a := answerTo([]byte(e[0]))
			require.Equal(t, e[1], a.topic)
			require.Equal(t, e[2], string(a.value))
		})
	}
}

// TestAnswersFollowTheSchema: the schema tells requests from what is none, and
// describes each answer.
func TestAnswersFollowTheSchema(t *testing.T) {
	request, succeeded, other, none := schema(t, "request"), schema(t, "succeeded"), schema(t, "other"), schema(t, "malformed")
	for name, e := range events() {
		if name == "two IDs" || name == "bytes that are no text" {
			continue // no matter of a schema: the first is valid JSON to most parsers
		}
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(e[0]))
		is := err == nil && request.Validate(value) == nil
		require.Equal(t, e[2] != malformed, is, name)
		want := none
		switch {
		case e[1] == topicSucceeded:
			want = succeeded
		case is:
			want = other
		}
		answer, err := jsonschema.UnmarshalJSON(strings.NewReader(e[2]))
		require.NoError(t, err, name)
		require.NoError(t, want.Validate(answer), name)
	}
}

func schema(t *testing.T, def string) *jsonschema.Schema {
	t.Helper()
	text, err := os.ReadFile("event.schema.json")
	require.NoError(t, err)
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	require.NoError(t, err)
	c := jsonschema.NewCompiler()
	require.NoError(t, c.AddResource("event.schema.json", doc))
	s, err := c.Compile("event.schema.json#/$defs/" + def)
	require.NoError(t, err)
	return s
}

// TestEveryValueHasOneSmallAnswer: whatever bytes arrive, the answer is a
// document, names the request's ID or none, and fits any broker.
func TestEveryValueHasOneSmallAnswer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.OneOf(
			rapid.SliceOf(rapid.Byte()),
			rapid.Map(rapid.Custom(func(t *rapid.T) document {
				return document{rapid.String().Draw(t, "id"), message{rapid.OneOf(rapid.Just(ping), rapid.String()).Draw(t, "message")}}
			}), func(d document) []byte { return encoded(d) }),
		).Draw(t, "value")
		a := answerTo(value)
		var got document
		if err := json.Unmarshal(a.value, &got); err != nil {
			t.Fatalf("%s: %v", a.value, err)
		}
		if len(a.value) > 4096 {
			t.Fatalf("%d bytes", len(a.value))
		}
		if (a.topic == topicSucceeded) != (a.verdict == verdictPing) {
			t.Fatalf("%+v", a)
		}
	})
}

func TestALogShowsNoMebibyte(t *testing.T) {
	require.Equal(t, "ping", shown([]byte("ping")))
	long := shown([]byte(strings.Repeat("é", 1<<20)))
	require.Less(t, len(long), 2*maxShown)
	require.Contains(t, long, "(2097152 bytes)")
}
