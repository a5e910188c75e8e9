"""What disentanglement_lib's configurations bind, written down as facts: its study's training, and its nine metrics."""

ADAM = """
{scope}AdamOptimizer.beta1 = {beta1}
{scope}AdamOptimizer.beta2 = {beta2}
{scope}AdamOptimizer.epsilon = 1e-08
{scope}AdamOptimizer.learning_rate = 0.0001
{scope}AdamOptimizer.name = 'Adam'
{scope}AdamOptimizer.use_locking = False
"""
NETWORK = """
model.batch_size = 64
model.random_seed = 0
model.model = @vae()
encoder.num_latent = 10
encoder.encoder_fn = @conv_encoder
decoder.decoder_fn = @deconv_decoder
reconstruction_loss.loss_fn = @bernoulli_loss
dataset.name = "dsprites_full"
"""
# examples/model.gin
EXAMPLE = (
    NETWORK
    + "vae.beta = 4\nmodel.training_steps = 5\nvae_optimizer.optimizer_fn = @AdamOptimizer\n"
    + ADAM.format(scope="", beta1=0.9, beta2=0.999)
)
# config/unsupervised_study_v1/model_configs/shared.gin
SHARED = (
    NETWORK
    + "vae.beta = 1.\nmodel.training_steps = 300000\nvae_optimizer.optimizer_fn = @vae/AdamOptimizer\n"
    + "discriminator_optimizer.optimizer_fn = @discriminator/AdamOptimizer\n"
    + ADAM.format(scope="vae/", beta1=0.9, beta2=0.999)
    + ADAM.format(scope="discriminator/", beta1=0.5, beta2=0.9)
)
POSTPROCESS = 'postprocess.postprocess_fn = @{kind}_representation\ndataset.name="auto"\npostprocess.random_seed = 0\n'

_BINS = "discretizer.discretizer_fn = @histogram_discretizer\ndiscretizer.num_bins = 20\n"
_TASK = "downstream_task.num_train = [10, 100,1000,10000]\ndownstream_task.num_test=5000\npredictor.predictor_fn = @"
_METRICS = {
    "beta_vae_sklearn": "@beta_vae_sklearn\nbeta_vae_sklearn.batch_size=64\nbeta_vae_sklearn.num_train=10000\n"
    "beta_vae_sklearn.num_eval=5000\n",
    "dci": "@dci\ndci.num_train=10000\ndci.num_test=5000\n",
    "downstream_task_boosted_trees": f"@downstream_task\n{_TASK}gradient_boosting_classifier\n",
    "downstream_task_logistic_regression": f"@downstream_task\n{_TASK}logistic_regression_cv\n",
    "factor_vae_metric": "@factor_vae_score\nfactor_vae_score.num_variance_estimate=10000\n"
    "factor_vae_score.num_train=10000\nfactor_vae_score.num_eval=5000\nfactor_vae_score.batch_size=64\n"
    "prune_dims.threshold = 0.05\n",
    "mig": f"@mig\nmig.num_train=10000\n{_BINS}",
    "modularity_explicitness": "@modularity_explicitness\nmodularity_explicitness.num_train=10000\n"
    f"modularity_explicitness.num_test=5000\n{_BINS}",
    "sap_score": "@sap_score\nsap_score.num_train=10000\nsap_score.num_test=5000\nsap_score.continuous_factors=False\n",
    "unsupervised": f"@unsupervised_metrics\nunsupervised_metrics.num_train=10000\n{_BINS}",
}
# config/unsupervised_study_v1/metric_configs/
METRICS = {
    name: f'dataset.name="auto"\nevaluation.random_seed = 0\nevaluation.evaluation_fn = {text}'
    for name, text in _METRICS.items()
}
