package sdpconnection

import (
	"errors"

	corev1 "k8s.io/api/core/v1"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/connectionlogin"
)

// readCredentials returns what a Secret says, or why that is not what the edition wants.
func readCredentials(secret *corev1.Secret, edition v1alpha1.Edition) (connectionlogin.Credentials, *failure) {
	if secret.Type != v1alpha1.SDPCredentialsSecretType {
		return connectionlogin.Credentials{}, secretInvalid("Secret " + secret.Name + " has type " + string(secret.Type) + "; it must have type " +
			v1alpha1.SDPCredentialsSecretType + ", which cannot be changed: delete it and create it again")
	}
	given, err := connectionlogin.Read(secret.Data, edition)
	if err != nil {
		return given, secretInvalid("Secret " + secret.Name + " " + err.Error())
	}
	return given, nil
}

func secretInvalid(message string) *failure {
	return failBlocked(v1alpha1.ConditionCredentialsValid, v1alpha1.ReasonSecretInvalid, message)
}

// chooseLogin decides what to log in with.
func chooseLogin(secretName string, given connectionlogin.Credentials, kept connectionlogin.Kept) (connectionlogin.Login, *failure) {
	return orFailure(connectionlogin.Choose("Secret "+secretName, given, kept))
}

// orFailure returns a login, or why there is none.
func orFailure(chosen connectionlogin.Login, err error) (connectionlogin.Login, *failure) {
	if err == nil {
		return chosen, nil
	}
	if _, isCodeNeeded := errors.AsType[*connectionlogin.CodeNeededError](err); isCodeNeeded {
		return chosen, failBlocked(v1alpha1.ConditionCredentialsValid, v1alpha1.ReasonGrantCodeNeeded, err.Error())
	}
	return chosen, secretInvalid(err.Error())
}
