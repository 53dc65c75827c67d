package shard

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/run"
)

// ownOfAJob are the fields that no other job can share, or that mean nothing
// once due times are known.
func ownOfAJob() []string {
	return []string{
		"Name", "Description", "Schedule", "Seconds", "Timezone", "OnlyOn", "ExceptOn", "Blackouts",
		"Command", "Labels", "Source", "Unknown",
	}
}

// nonzero sets v, or something in it, to another value than zero.
func nonzero(t *testing.T, v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString("other")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(7)
	case reflect.Float64:
		v.SetFloat(7)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf("KEY"), reflect.ValueOf("value"))
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		nonzero(t, v.Index(0))
	case reflect.Struct:
		nonzero(t, v.Field(0))
	default:
		require.Failf(t, "a field of a new kind", "%s", v.Kind())
	}
}

// Every field of a definition is kept, tells it from others, and reaches the
// run if a run has one of that name.
func TestEveryFieldOfAJobIsKept(t *testing.T) {
	inRun := reflect.TypeFor[run.Run]()
	for f := range reflect.TypeFor[job.Job]().Fields() {
		if slices.Contains(ownOfAJob(), f.Name) {
			continue
		}
		t.Run(f.Name, func(t *testing.T) {
			plain, other := job.Job{Command: []string{"x"}}, job.Job{Command: []string{"x"}}
			nonzero(t, reflect.ValueOf(&other).Elem().FieldByIndex(f.Index))
			s := New(Config{}, nil)
			kept := s.rulesOf(&other)
			require.NotSame(t, s.rulesOf(&plain), kept)
			want := reflect.ValueOf(other).FieldByIndex(f.Index).Interface()
			require.Equal(t, want, reflect.ValueOf(*kept).FieldByIndex(f.Index).Interface())

			if _, ok := inRun.FieldByName(f.Name); !ok {
				return
			}
			e := s.add(JobState{Job: "j"})
			s.define(e, &other, nil, nil)
			now := time.Unix(1_795_000_000, 0)
			s.enqueue(e, &Active{ID: "r", Due: now, NotBefore: now, Attempt: 1}, now)
			require.Len(t, s.out.Enqueue, 1)
			require.Equal(t, want, reflect.ValueOf(s.out.Enqueue[0].Run).FieldByName(f.Name).Interface())
		})
	}
}
