"""Holds the examples of packaging/aws to each other and to what the binary prints.

    examples.py POLICY CLOUDFORMATION TERRAFORM

The arguments are what `cwmem policy` prints in its three forms. Says what doesn't hold.
"""

import json
import re
import sys
from pathlib import Path

import cfnlint.decode
import hcl2
import yaml

AWS = Path("packaging/aws")
WRONG = []


def hold(what, found, expected=True):
    if found != expected:
        WRONG.append(f"{what}: expected {expected!r}, found {found!r}")


def template(path):
    decoded, problems = cfnlint.decode.decode(str(path))
    hold(f"{path} is a template", problems, [])
    # Plain values, without the places that the linter keeps with them.
    return json.loads(json.dumps(decoded))


def module(path):
    """The blocks of a Terraform file by kind, type and name."""
    with open(path) as file:
        read = hcl2.load(file)
    blocks = {}
    for kind in ("resource", "data", "variable", "output"):
        for block in read.get(kind, []):
            for key, below in block.items():
                for name, body in below.items() if kind in ("resource", "data") else [("", below)]:
                    blocks[".".join(part.strip('"') for part in (kind, key, name) if part)] = body
    return blocks


def statements(document):
    return document["Statement"]


def roles(resources):
    return [body["Properties"] for body in resources.values() if body["Type"] == "AWS::IAM::Role"]


def cloudformation(policy, printed):
    example = template(AWS / "cloudformation.yaml")
    resources = example["Resources"]
    [role] = roles(resources)
    [printed_role] = roles(template(printed)["Resources"])
    policies = {one["PolicyName"]: one["PolicyDocument"] for one in role["Policies"]}
    hold("cloudformation.yaml, policy", policies["cwmem"], policy)
    hold("cloudformation.yaml, who may take the role", role["AssumeRolePolicyDocument"], printed_role["AssumeRolePolicyDocument"])
    hold("cloudformation.yaml, policies", sorted(policies), ["cwmem", "cwmem-package"])
    [package] = statements(policies["cwmem-package"])
    hold("cloudformation.yaml, the package", package["Action"], "s3:GetObject")
    hold("cloudformation.yaml, one object", package["Resource"]["Fn::Sub"].endswith(":::${PackageBucket}/${PackageFolder}/${PackageFile}"))
    [launch] = [body["Properties"]["LaunchTemplateData"] for body in resources.values() if body["Type"] == "AWS::EC2::LaunchTemplate"]
    hold("cloudformation.yaml, metadata", launch["MetadataOptions"], {
        "HttpEndpoint": "enabled", "HttpTokens": "required", "HttpPutResponseHopLimit": {"Ref": "MetadataHopLimit"},
        "InstanceMetadataTags": "enabled",
    })
    hold("cloudformation.yaml, hop limit", example["Parameters"]["MetadataHopLimit"]["Default"], 1)
    parts = launch["UserData"]["Fn::Base64"]["Fn::Join"]
    hold("cloudformation.yaml, what joins", parts[0], "")
    script = (AWS / "user-data.sh").read_text()
    hold("cloudformation.yaml, the script", parts[1][1], script)
    hold("cloudformation.yaml, what is before it", settings(parts[1][0]["Fn::Sub"]), sorted(settings(script, "${%s:-")))
    # EC2's limit before encoding (User Guide, "Run commands when you launch an EC2 instance").
    hold("user data fits", len("".join([parts[1][0]["Fn::Sub"], script])) < 14 * 1024)


def settings(text, form="%s="):
    names = re.findall(re.escape(form).replace("%s", "(CWMEM_[A-Z0-9]+)"), text)
    return sorted(set(names))


def terraform(printed):
    blocks = module(AWS / "terraform/main.tf")
    theirs = module(printed)
    for name in ("resource.aws_iam_role.cwmem", "resource.aws_iam_instance_profile.cwmem", "data.aws_partition.current"):
        hold(f"main.tf, {name}", blocks.get(name), theirs[name])
    hold("main.tf, policy", blocks["resource.aws_iam_role_policy.cwmem"]["policy"], '${file("${path.module}/../policy.json")}')
    package = blocks["resource.aws_iam_role_policy.package"]["policy"]
    hold("main.tf, the package", re.findall(r'Action = \\?"([^"\\]*)', package), ["s3:GetObject"])
    hold("main.tf, policies", len([name for name in blocks if "policy" in name]), 2)
    options = {key: value for key, value in blocks["resource.aws_launch_template.cwmem"]["metadata_options"][0].items() if not key.startswith("__")}
    hold("main.tf, metadata", options, {
        "http_endpoint": '"enabled"', "http_tokens": '"required"', "http_put_response_hop_limit": "${var.metadata_hop_limit}",
        "instance_metadata_tags": '"enabled"',
    })
    variables = module(AWS / "terraform/variables.tf")
    hold("variables.tf, hop limit", variables["variable.metadata_hop_limit"]["default"], 1)
    text = "".join(path.read_text() for path in sorted((AWS / "terraform").glob("*.tf")))
    used = {f"variable.{name}" for name in re.findall(r"\bvar\.(\w+)", text)}
    hold("main.tf, variables", used, set(variables))
    user_data = blocks["resource.aws_launch_template.cwmem"]["user_data"]
    hold("main.tf, what is before the script", settings(user_data), settings((AWS / "user-data.sh").read_text(), "${%s:-"))
    hold("main.tf, the script", 'file(\\"${path.module}/../user-data.sh\\")' in user_data or 'file("${path.module}/../user-data.sh")' in user_data)


def container():
    folder = AWS / "container"
    config = (folder / "cwmem.toml").read_text()
    documents = {one["kind"]: one for one in yaml.safe_load_all((folder / "eks-daemonset.yaml").read_text())}
    hold("eks-daemonset.yaml, documents", sorted(documents), ["ConfigMap", "DaemonSet", "Namespace", "ServiceAccount"])
    hold("eks-daemonset.yaml, configuration", documents["ConfigMap"]["data"], {"cwmem.toml": config})
    pod = documents["DaemonSet"]["spec"]["template"]["spec"]
    [kubernetes] = pod["containers"]
    hosts = {one["name"]: one.get("hostPath", {}).get("path") for one in pod["volumes"]}
    mounts = {one["mountPath"]: (hosts[one["name"]], one.get("readOnly", False)) for one in kubernetes["volumeMounts"]}
    task = json.loads((folder / "ecs-task-definition.json").read_text())
    [ecs] = task["containerDefinitions"]
    hosts = {one["name"]: one.get("host", {}).get("sourcePath") for one in task["volumes"]}
    task_mounts = {one["containerPath"]: (hosts[one["sourceVolume"]], one["readOnly"]) for one in ecs["mountPoints"]}
    for name, found in (("eks-daemonset.yaml", mounts), ("ecs-task-definition.json", task_mounts)):
        for kind in ("proc", "sys"):
            hold(f"{name}, {kind}", found.get(f"/host/{kind}"), (f"/{kind}", True))
            hold(f"cwmem.toml, {kind}", f'{kind}_root = "/host/{kind}"\n' in config)
        hold(f"{name}, state", found["/var/lib/cwmem"][1], False)
    hold("ECS, no right", ecs["linuxParameters"]["capabilities"], {"drop": ["ALL"]})
    hold("EKS, no right", kubernetes["securityContext"]["capabilities"], {"drop": ["ALL"]})
    hold("ECS, its files", (ecs["readonlyRootFilesystem"], ecs["privileged"]), (True, False))
    hold("EKS, its files", kubernetes["securityContext"]["readOnlyRootFilesystem"])
    hold("what runs", (ecs["command"], kubernetes["args"]), (["run"], ["run"]))
    hold("the credentials", (task["taskRoleArn"], pod["serviceAccountName"]), ("cwmem", "cwmem"))
    hold("the same image", ecs["image"], kubernetes["image"])


def partitions():
    """No name that holds in one partition only, but in what is said."""
    for path in sorted(AWS.rglob("*")):
        if path.suffix in (".md", ".py") or not path.is_file():
            continue
        code = [line for line in path.read_text().splitlines() if not line.lstrip().startswith("#")]
        for line in code:
            hold(f"{path}, in every partition: {line.strip()}", re.search(r"arn:aws|amazonaws\.com", line), None)


def main():
    policy_path, cloudformation_path, terraform_path = sys.argv[1:]
    printed = Path(policy_path).read_text()
    hold("policy.json", (AWS / "policy.json").read_text(), printed)
    cloudformation(json.loads(printed), cloudformation_path)
    terraform(terraform_path)
    container()
    partitions()
    print("\n".join(WRONG) or "all of it holds")
    return 1 if WRONG else 0


if __name__ == "__main__":
    sys.exit(main())
