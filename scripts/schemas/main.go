// Program schemas decodes objects strictly into their projects' own types: a field that a type does not have is told.
//
// It reads a JSON list of objects from standard input and prints one line for each complaint. Consul's custom resources
// hold the fields of its config entries under their names; what Kubernetes adds is left out.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/go-viper/mapstructure/v2"
	consul "github.com/hashicorp/consul/api"
	"github.com/networkservicemesh/api/pkg/api/registry"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	networking "istio.io/api/networking/v1alpha3"
	security "istio.io/api/security/v1beta1"
	telemetry "istio.io/api/telemetry/v1alpha1"
)

type object struct {
	APIVersion string `json:"apiVersion"`
	Kind       string
	Metadata   struct{ Name string }
	Spec       json.RawMessage
}

var messages = map[string]func() proto.Message{
	"networking.istio.io/v1/VirtualService":    func() proto.Message { return &networking.VirtualService{} },
	"networking.istio.io/v1/DestinationRule":   func() proto.Message { return &networking.DestinationRule{} },
	"networking.istio.io/v1alpha3/EnvoyFilter": func() proto.Message { return &networking.EnvoyFilter{} },
	"security.istio.io/v1/PeerAuthentication":  func() proto.Message { return &security.PeerAuthentication{} },
	"security.istio.io/v1/AuthorizationPolicy": func() proto.Message { return &security.AuthorizationPolicy{} },
	"telemetry.istio.io/v1/Telemetry":          func() proto.Message { return &telemetry.Telemetry{} },
	"networkservicemesh.io/v1/NetworkService":  func() proto.Message { return &registry.NetworkService{} },
}

var entries = map[string]func() any{
	"ServiceDefaults":   func() any { return &consul.ServiceConfigEntry{} },
	"ServiceRouter":     func() any { return &consul.ServiceRouterConfigEntry{} },
	"ServiceSplitter":   func() any { return &consul.ServiceSplitterConfigEntry{} },
	"ServiceResolver":   func() any { return &consul.ServiceResolverConfigEntry{} },
	"ProxyDefaults":     func() any { return &consul.ProxyConfigEntry{} },
	"Mesh":              func() any { return &consul.MeshConfigEntry{} },
	"ServiceIntentions": func() any { return &consul.ServiceIntentionsConfigEntry{} },
}

func decoded(one object) error {
	if made, known := messages[one.APIVersion+"/"+one.Kind]; known {
		return protojson.Unmarshal(one.Spec, made())
	}
	made, known := entries[one.Kind]
	if !known || one.APIVersion != "consul.hashicorp.com/v1alpha1" {
		return fmt.Errorf("no type for it")
	}
	var spec map[string]any
	if err := json.Unmarshal(one.Spec, &spec); err != nil {
		return err
	}
	if one.Kind == "ServiceIntentions" {
		delete(spec, "destination") // the entry's own name
	}
	decoder, err := mapstructure.NewDecoder(&mapstructure.DecoderConfig{
		Result:      made(),
		ErrorUnused: true,
		DecodeHook:  mapstructure.StringToTimeDurationHookFunc(),
	})
	if err != nil {
		return err
	}
	return decoder.Decode(spec)
}

func main() {
	var objects []object
	if err := json.NewDecoder(os.Stdin).Decode(&objects); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	for _, one := range objects {
		if err := decoded(one); err != nil {
			fmt.Printf("%s %s: %v\n", one.Kind, one.Metadata.Name, err)
		}
	}
}
