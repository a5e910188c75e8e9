"""dlib_gin.py: configurations of disentanglement_lib mean here what they meant there; what cannot is refused in one sentence."""

from __future__ import annotations

import pytest
from support import dlib_configs

from dlib_bvae import errors
from dlib_bvae.dlib_gin import asked_metrics, statements
from dlib_bvae.errors import UserError
from dlib_bvae.gin_text import ADVICE, METRIC, effective, literal

SAMPLED = {"evaluation.sampling": "'with_replacement'"}


def bound(*texts: str) -> dict[str, str]:
    return {key: literal(each.value) for key, each in effective(statements([], texts))[0].items()}


def said(*texts: str) -> list[str]:
    return [each.key for each in statements([], texts) if each.kind == ADVICE]


def refused(*texts: str) -> str:
    with pytest.raises(UserError) as caught:
        statements([], texts)
    assert "\n" not in str(caught.value)
    return str(caught.value)


NETWORK = {
    "model.batch_size": "64",
    "model.random_seed": "0",
    "model.model": "@vae()",
    "encoder.num_latent": "10",
    "encoder.encoder_fn": "@conv_encoder",
    "decoder.decoder_fn": "@deconv_decoder",
    "reconstruction_loss.loss_fn": "@bernoulli_loss",
    "dataset.name": "'dsprites_full'",
    "model.optimizer": "@adam",
    "adam.beta1": "0.9",
    "adam.beta2": "0.999",
    "adam.epsilon": "1e-08",
    "adam.learning_rate": "0.0001",
}


def test_the_example_and_the_shared_configuration_of_its_study():
    assert bound(dlib_configs.EXAMPLE) == {**NETWORK, "vae.beta": "4", "model.training_steps": "5"}
    assert bound(dlib_configs.SHARED) == {**NETWORK, "vae.beta": "1.0", "model.training_steps": "300000"}


def test_advice_is_given_once_an_alias():
    assert said(dlib_configs.SHARED) == [
        "disentanglement_lib's vae_optimizer.optimizer_fn is model.optimizer here; what is bound in its scope is so without one",
        "disentanglement_lib's discriminator_optimizer.optimizer_fn is factor_vae.discriminator_learning_rate here; its Adam has "
        "beta1 0.5, beta2 0.9 and epsilon 1e-8; other methods have no discriminator",
        "disentanglement_lib's AdamOptimizer is adam here; its learning rate is TensorFlow 1's 0.001 where none is bound",
        "disentanglement_lib's AdamOptimizer.name changes nothing here: TensorFlow 1 alone needs it",
        "disentanglement_lib's AdamOptimizer.use_locking changes nothing here: TensorFlow 1 alone needs it",
    ]
    assert said("vae.beta = 4.0\nmodel.optimizer = @adam\nmig.num_train = 3") == []


def test_the_discriminator_of_factor_vae():
    sweep = "model.model = @factor_vae()\ndiscriminator.discriminator_fn = @fc_discriminator\nfactor_vae.gamma = 10.\n"
    found = bound(dlib_configs.SHARED, sweep)
    assert found["factor_vae.discriminator_learning_rate"] == "0.0001"
    assert found["factor_vae.initializer"] == "'glorot_uniform'"
    assert found["adam.beta1"] == "0.9"
    assert (
        bound(dlib_configs.SHARED, sweep, "discriminator_optimizer.learning_rate = 0.5")[
            "factor_vae.discriminator_learning_rate"
        ]
        == "0.5"
    )
    assert refused(dlib_configs.SHARED, sweep, "discriminator/AdamOptimizer.beta1 = 0.9").startswith(
        "disentanglement_lib's beta1 = 0.9 of the discriminator's AdamOptimizer has no equivalent here; it is 0.5"
    )
    assert "factor_vae.width" in refused(sweep, "discriminator.discriminator_fn = @mine")
    # without a discriminator its optimiser says nothing
    assert bound(dlib_configs.SHARED, "discriminator/AdamOptimizer.beta1 = 0.9")["adam.beta1"] == "0.9"


def test_scopes_of_the_optimisers():
    head = "vae_optimizer.optimizer_fn = @vae/AdamOptimizer\n"
    inner = "vae/AdamOptimizer.beta1 = 0.1\nAdamOptimizer.beta1 = 0.2\nAdamOptimizer.learning_rate = 1e-3\n"
    assert bound(head + inner) == {"model.optimizer": "@adam", "adam.beta1": "0.1", "adam.learning_rate": "0.001"}
    assert bound(
        "OPT = @tf.train.AdamOptimizer\nvae_optimizer.optimizer_fn = %OPT\ntf.train.AdamOptimizer.beta1 = 0.3"
    ) == {
        "model.optimizer": "@adam",
        "adam.learning_rate": "0.001",  # TensorFlow 1's, where none is bound
        "adam.beta1": "0.3",
    }
    assert "adam.learning_rate" not in bound("AdamOptimizer.beta1 = 0.3\nmodel.optimizer = @AdamOptimizer")
    assert bound(head + inner + "vae_optimizer.learning_rate = 0.7")["adam.learning_rate"] == "0.7"
    assert bound(head + inner, "adam.learning_rate = 0.9")["adam.learning_rate"] == "0.9"
    # of a scope that no optimiser has: left for what nothing uses
    assert bound(head + "va/AdamOptimizer.beta1 = 0.4")["va/adam.beta1"] == "0.4"


@pytest.mark.parametrize(
    ("name", "metric", "expected"),
    [
        ("beta_vae_sklearn", "beta_vae", {"batch_size": "64", "num_train": "10000", "num_eval": "5000"}),
        ("dci", "dci", {"num_train": "10000", "num_test": "5000"}),
        ("downstream_task_boosted_trees", "downstream_task", {"predictor": "'gradient_boosting_classifier'"}),
        ("downstream_task_logistic_regression", "downstream_task", {"predictor": "'logistic_regression_cv'"}),
        (
            "factor_vae_metric",
            "factor_vae_score_dlib",
            {
                "num_variance_estimate": "10000",
                "num_train": "10000",
                "num_eval": "5000",
                "batch_size": "64",
                "prune_threshold": "0.05",
            },
        ),
        ("mig", "mig", {"num_train": "10000", "num_bins": "20"}),
        (
            "modularity_explicitness",
            "modularity_explicitness_dlib",
            {"num_train": "10000", "num_test": "5000", "num_bins": "20"},
        ),
        ("sap_score", "sap_dlib", {"num_train": "10000", "num_test": "5000", "continuous_factors": "False"}),
        ("unsupervised", "unsupervised", {"num_train": "10000", "num_bins": "20"}),
    ],
)
def test_the_nine_metrics_of_its_study(name, metric, expected):
    text = dlib_configs.METRICS[name]
    if metric == "downstream_task":
        expected = {**expected, "num_train": "[10, 100, 1000, 10000]", "num_test": "5000"}
    sampling = {} if metric.endswith("_dlib") else SAMPLED
    keys = {f"{metric}.{key}": value for key, value in expected.items()}
    assert bound(text) == {**keys, **sampling, "evaluation.random_seed": "0"}
    assert asked_metrics(None, [], [text]) == ([metric], [])
    first = next(line for line in said(text) if "evaluation_fn" in line)
    assert f"is --metric={metric} here" in first
    assert ("with_replacement" in first) == bool(sampling)


def test_what_a_metric_needs_to_mean_the_same_gives_way_to_what_is_bound():
    assert bound(dlib_configs.METRICS["mig"], "evaluation.sampling = 'disjoint'")["evaluation.sampling"] == "'disjoint'"
    text = "evaluation.evaluation_fn = @factor_vae_score"
    assert bound(text) == {"factor_vae_score_dlib.prune_threshold": "0.0"}  # its code's default
    assert bound(text, "factor_vae_score_dlib.prune_threshold = 0.3")["factor_vae_score_dlib.prune_threshold"] == "0.3"
    # the last metric that is asked for holds, and names of another metric stay ours
    text = "evaluation.evaluation_fn = @mig\nirs.num_train = 5\nmig.num_train = 6\nmig.batch_size = 16"
    assert bound(text, "evaluation.evaluation_fn = @a/irs\na/irs.diff_quantile = 0.5") == {
        "irs_dlib.num_train": "5",
        "mig.num_train": "6",
        "irs_dlib.diff_quantile": "0.5",
    }


def test_a_shared_parameter_without_a_metric_is_of_all_that_have_it():
    assert bound("discretizer.num_bins = 7") == {
        f"{name}.num_bins": "7"
        for name in (
            *("mig", "modularity_explicitness", "modularity_explicitness_dlib", "irs_dlib"),
            *("unsupervised", "unified_scores"),
        )
    }
    assert said("discretizer.num_bins = 7") == [
        "disentanglement_lib's discretizer.num_bins is mig.num_bins here; or num_bins of another metric"
    ]
    assert said("discretizer.num_bins = 7\nevaluation.evaluation_fn = @irs")[0].endswith("is irs_dlib.num_bins here")
    assert {each.file for each in statements([], ["discretizer.num_bins = 7"]) if each.kind != ADVICE} == {
        "--gin_bindings"
    }


def test_other_parameters():
    assert bound("evaluation.evaluation_fn = @unified_scores\nunified_scores.matrix_fns = [@accuracy_svm_matrix]") == {
        **SAMPLED,
        "unified_scores.matrices": "['accuracy_svm_matrix']",
    }
    assert bound("reduced_representation.correlation_measure = @factorwise_dci") == {
        "reduced_downstream_task.importance": "'gradient_boosting_classifier'"
    }
    ignored = (
        "model.model_num = 3\nmodel.eval_steps = 10\nreconstruction_loss.activation = 'logits'\nevaluation.name = 'x'"
    )
    assert bound(ignored) == {}
    assert len(said(ignored)) == 4
    assert bound("dataset.name = 'auto'", "dataset.name = 'cars3d'") == {"dataset.name": "'cars3d'"}
    # a name of a module that is not its stays
    assert bound("mine.predictor.predictor_fn = @mine.AdamOptimizer") == {
        "mine.predictor.predictor_fn": "@mine.AdamOptimizer"
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("reconstruction_loss.loss_fn = @l2_loss", "@l2_loss has no equivalent here; use @gaussian_loss"),
        ("vae_optimizer.optimizer_fn = @RMSPropOptimizer", "use model.optimizer = @sgd"),
        ("RMSPropOptimizer.decay = 0.5", "use model.optimizer = @sgd"),
        ("evaluation.evaluation_fn = @udr_sklearn", "dlib_bvae_metrics rank --metric=udr"),
        ("model.model = @group_vae_argmax()", "@ada_gvae()"),
        (
            "reconstruction_loss.activation = 'tanh'",
            "'tanh' has no equivalent here, where decoders give logits ('logits')",
        ),
        ("discretizer.discretizer_fn = @mine", "bins of equal width (@histogram_discretizer)"),
        ("vae_optimizer.learning_rate = @exponential_decay", "use model.schedule"),
        ("evaluation.evaluation_fn = 'mig'", "evaluation.evaluation_fn must be a function such as @mig"),
        ("evaluation.evaluation_fn = None", "evaluation.evaluation_fn must be a function such as @mig"),
        (
            "vae_optimizer.optimizer_fn = @AdamOptimizer()",
            "such as @AdamOptimizer, without parentheses; got @AdamOptimizer()",
        ),
        ("reduced_representation.correlation_measure = @mine", "'mutual_information' or"),
    ],
)
def test_what_has_no_equivalent_is_refused_with_what_to_use(text, said):
    assert said in (found := refused("vae.beta = 1.0\n" + text))
    assert found.endswith("(line 2 of --gin_bindings)")


def test_names_of_metrics_that_are_asked_for(monkeypatch, capsys):
    monkeypatch.setattr(errors, "_warned", set())
    assert asked_metrics(["sap_score", "mig"]) == (["sap_dlib", "mig"], [])
    sampling = "evaluation.sampling = 'with_replacement'"
    assert asked_metrics(["beta_vae_sklearn", "sap_dlib"]) == (["beta_vae", "sap_dlib"], [sampling])
    assert asked_metrics(["beta_vae_sklearn", "mig"], [], [sampling]) == (["beta_vae", "mig"], [])
    assert asked_metrics(["irs_dlib"], [], ["evaluation.evaluation_fn = @irs"]) == (["irs_dlib"], [])
    with pytest.raises(UserError, match="draws images with replacement, as disentanglement_lib does, and mig does not"):
        asked_metrics(["beta_vae_sklearn", "mig"])
    assert capsys.readouterr().err.splitlines() == [
        "disentanglement_lib's sap_score is sap_dlib here",
        "disentanglement_lib's beta_vae_sklearn is beta_vae here; --metric=beta_vae_sklearn also binds " + sampling,
    ]


def test_only_the_last_metric_is_a_statement():
    found = statements([], ["evaluation.evaluation_fn = @mig", "evaluation.evaluation_fn = @dci"])
    assert [each.key for each in found if each.kind == METRIC] == ["dci"]
