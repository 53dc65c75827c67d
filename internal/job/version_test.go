package job

import (
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestVersionSeesEveryFieldThatMatters changes one field after the other, so
// that a field added later cannot be forgotten.
func TestVersionSeesEveryFieldThatMatters(t *testing.T) {
	silent := map[string]bool{"Description": true, "Labels": true, "Source": true, "Notify": true, "ExpectSuccessWithin": true, "DoneBy": true}
	base := Default().WithDefaults()
	base.Name, base.Cluster, base.Command = "a", "cluster-a", []string{"true"}
	seen := map[string]string{base.Version(): "base"}
	for field := range reflect.TypeFor[Job]().Fields() {
		changed := base
		v := reflect.ValueOf(&changed).Elem().FieldByIndex(field.Index)
		change(t, v)
		version := changed.Version()
		if silent[field.Name] {
			require.Equal(t, base.Version(), version, field.Name)
			continue
		}
		require.NotContains(t, seen, version, field.Name)
		seen[version] = field.Name
	}
}

func change(t *testing.T, v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(v.String() + "x")
	case reflect.Bool:
		v.SetBool(!v.Bool())
	case reflect.Int:
		v.SetInt(v.Int() + 1)
	case reflect.Int64:
		v.SetInt(v.Int() + int64(time.Millisecond))
	case reflect.Float64:
		v.SetFloat(v.Float() + 1)
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Struct {
			v.Set(reflect.MakeSlice(v.Type(), 1, 1))
			break
		}
		v.Set(reflect.ValueOf([]string{"false"}))
	case reflect.Map:
		m := reflect.MakeMap(v.Type())
		m.SetMapIndex(reflect.ValueOf("key"), reflect.ValueOf("value"))
		v.Set(m)
	case reflect.Struct:
		change(t, v.Field(0))
	default:
		t.Fatalf("no change is known for %s", v.Type())
	}
}

// TestVersionIsStable: the version stands in records, so it may not change
// between processes or releases.
func TestVersionIsStable(t *testing.T) {
	j := Default().WithDefaults()
	j.Name, j.Cluster, j.Command = "a", "cluster-a", []string{"/bin/sh", "-c", "echo <hello>"}
	j.Env = map[string]string{"C": "3", "A": "1", "B": "2"}
	require.Equal(t, "9ca18536527a", j.Version())
}
