// Removes deleted namespaces as kube-controller-manager does, with its own code for it, but a quarter of a second after
// their deletion instead of five. Those are meant for API servers in several copies and were most of the tests' time.
package main

import (
	"context"
	"log"
	"os"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/kubernetes/pkg/controller/namespace/deletion"
)

const pause = time.Second / 4

type remover struct {
	deleter deletion.NamespacedResourcesDeleterInterface
	going   sync.Map
}

// remove tries until the namespace is gone; one call for each name at a time.
func (r *remover) remove(ctx context.Context, name string) {
	if _, busy := r.going.LoadOrStore(name, true); busy {
		return
	}
	defer r.going.Delete(name)
	for time.Sleep(pause); ; time.Sleep(pause) {
		err := r.deleter.Delete(ctx, name)
		if err == nil {
			return
		}
		log.Printf("%s: %v", name, err)
	}
}

func (r *remover) see(ctx context.Context, one *corev1.Namespace) {
	if one.DeletionTimestamp != nil {
		go r.remove(ctx, one.Name)
	}
}

// follow lists and watches until the server ends the watch.
func (r *remover) follow(ctx context.Context, client kubernetes.Interface) error {
	found, err := client.CoreV1().Namespaces().List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for n := range found.Items {
		r.see(ctx, &found.Items[n])
	}
	from := metav1.ListOptions{ResourceVersion: found.ResourceVersion}
	watch, err := client.CoreV1().Namespaces().Watch(ctx, from)
	if err != nil {
		return err
	}
	for event := range watch.ResultChan() {
		if one, ok := event.Object.(*corev1.Namespace); ok {
			r.see(ctx, one)
		}
	}
	return nil
}

func main() {
	config, err := clientcmd.BuildConfigFromFlags("", os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	config.QPS, config.Burst = 400, 800
	ctx, client := context.Background(), kubernetes.NewForConfigOrDie(config)
	deleter := deletion.NewNamespacedResourcesDeleter(ctx, client.CoreV1().Namespaces(),
		metadata.NewForConfigOrDie(config), client.CoreV1(),
		client.Discovery().ServerPreferredNamespacedResources, corev1.FinalizerKubernetes)
	r := &remover{deleter: deleter}
	for {
		if err := r.follow(ctx, client); err != nil {
			log.Print(err)
			time.Sleep(pause / 2)
		}
	}
}
